"""What a table's stream becomes: changes for the relay."""

from collections.abc import Mapping
from typing import Any

from chalicelib.engine.changes import relay
from chalicelib.engine.changes.relay import Change, Table
from chalicelib.errors import Unavailable
from chalicelib.observability import observed

Event = Mapping[str, Any]
Answer = dict[str, list[dict[str, str]]]


@observed
def relayed(event: Event, table: Table) -> Answer:
    """Relay a batch of records at once; if that fails, one by one, parking each that can't be carried out.

    When a service underneath does not answer, the record comes back with all that follow it (partial batch response).
    """
    changes = [_change(record, table) for record in event["Records"]]
    try:
        relay.relay(changes)
    except Exception:  # noqa: BLE001 - found again, and answered for, one by one
        return _one_by_one(changes)
    return {"batchItemFailures": []}


def _one_by_one(changes: list[Change]) -> Answer:
    for change in changes:
        try:
            relay.relay([change])
        except Unavailable:
            return {"batchItemFailures": [{"itemIdentifier": change.id}]}
        except Exception as error:  # noqa: BLE001 - parked with its cause, and replayed by the sweep
            relay.park(change, error)
    return {"batchItemFailures": []}


def _change(record: Mapping[str, Any], table: Table) -> Change:
    found = record["dynamodb"]
    return Change(found["SequenceNumber"], table, found.get("OldImage"), found.get("NewImage"))

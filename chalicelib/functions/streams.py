"""The handler of the tables' streams: each record is a change for the relay."""

from collections.abc import Mapping
from typing import Any

from chalicelib.engine.changes import relay
from chalicelib.engine.changes.relay import Change, Table
from chalicelib.errors import Unavailable
from chalicelib.observability import observed

Event = Mapping[str, Any]
Answer = dict[str, list[dict[str, str]]]


@observed
def handle_changes(event: Event, table: Table) -> Answer:
    """Relay a batch of records at once; if that fails, one by one, and park each that cannot be carried out.

    When AWS does not answer, the record comes back with all that follow it (partial batch response).
    """
    changes = [_parse_record(record, table) for record in event["Records"]]
    try:
        relay.relay(changes)
    except Exception:  # noqa: BLE001 - raised again one by one
        return _relay_one_by_one(changes)
    return {"batchItemFailures": []}


def _relay_one_by_one(changes: list[Change]) -> Answer:
    for change in changes:
        try:
            relay.relay([change])
        except Unavailable:
            return {"batchItemFailures": [{"itemIdentifier": change.id}]}
        except Exception as error:  # noqa: BLE001 - parked with its cause, and replayed by the sweep
            relay.park(change, error)
    return {"batchItemFailures": []}


def _parse_record(record: Mapping[str, Any], table: Table) -> Change:
    change = record["dynamodb"]
    return Change(change["SequenceNumber"], table, change.get("OldImage"), change.get("NewImage"))

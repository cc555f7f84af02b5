"""Fast rollback for moto's transactions.

moto makes a deep copy of every table in a transaction, with its stream, so that each takes longer the more is stored.
When a transaction is refused, moto replaces the table by the copy, to which no open shard iterator belongs, so that the
stream's reader gets no more records. Here only the items of the transaction are copied and restored.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table


@contextmanager
def undoing_changes() -> Iterator[None]:
    """Undo refused transactions item by item, until the end of the block."""
    run = DynamoDBBackend.transact_write_items

    def transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        undo = [_undo(backend, operation) for item in transact_items for operation in item.values()]
        try:
            run(backend, transact_items)
        except Exception:
            for put_back in undo:
                put_back()
            raise

    with (
        patch.object(DynamoDBBackend, "transact_write_items", transact),
        patch.object(Table, "__deepcopy__", lambda table, _: table, create=True),
    ):
        yield


def _undo(backend: DynamoDBBackend, operation: dict[str, Any]) -> Callable[[], None]:
    """A function that restores the operation's item and its table's stream to their current state."""
    table = backend.get_table(operation["TableName"])
    key = operation.get("Key") or {name: operation["Item"][name] for name in table.table_key_attrs}
    hash_key, range_key = backend.get_keys_value(table, key)
    rows: Any = table.items[hash_key] if range_key else table.items
    place = range_key or hash_key
    item, records = copy.deepcopy(rows.get(place)), _records(table)
    length = len(records)

    def put_back() -> None:
        rows.pop(place, None)
        if item is not None:
            rows[place] = item
        del records[length:]

    return put_back


def _records(table: Table) -> list[Any]:
    return table.stream_shard.items if table.stream_shard else []

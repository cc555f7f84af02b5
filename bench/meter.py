"""Counts every AWS call, with what it asked and the units it consumed, while the product runs on moto."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from bench import units
from bench.units import Index, Item

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


@dataclass(frozen=True, slots=True)
class Call:
    """One call and its units, 0 for services that have none."""

    service: str
    operation: str
    asked: dict[str, Any]
    refused: bool
    reads: float = 0
    writes: float = 0


@contextmanager
def metering() -> Iterator[list[Call]]:
    """The calls made meanwhile, in order."""
    calls: list[Call] = []
    client_class: Any = BaseClient  # botocore-stubs leave out its private methods
    call, lock = client_class._make_api_call, threading.RLock()

    def metered(client: Any, operation: str, asked: dict[str, Any]) -> Any:
        with lock:  # what a call changed is seen by looking before and after
            service = client.meta.service_model.service_name
            before, answer = _images(operation, asked), None
            try:
                answer = call(client, operation, asked)
                return answer
            finally:
                calls.append(_measured(service, operation, asked, before, answer))

    with patch.object(BaseClient, "_make_api_call", metered):
        yield calls


def _measured(
    service: str, operation: str, asked: dict[str, Any], before: list[Item | None], answer: Any | None
) -> Call:
    if operation in WRITES:
        return Call(service, operation, asked, answer is None, writes=_write_units(operation, asked, before))
    return Call(service, operation, asked, answer is None, reads=_read_units(operation, asked, answer or {"Items": []}))


def _write_units(operation: str, asked: dict[str, Any], before: list[Item | None]) -> float:
    changes = zip(_write_actions(operation, asked), before, _images(operation, asked), strict=True)
    units_each = (units.written(old, new, _indexes(action["TableName"])) for action, old, new in changes)
    return sum(units_each) * (2 if operation == "TransactWriteItems" else 1)


def _read_units(operation: str, asked: dict[str, Any], answer: Any) -> float:
    match operation:
        case "GetItem":
            items = [_stored(asked["TableName"], asked["Key"])]
            return units.read(items, together=False, consistent=asked.get("ConsistentRead", False))
        case "Query":
            return units.read(answer["Items"], together=True, consistent=asked.get("ConsistentRead", False))
        case "BatchGetItem":
            return sum(
                units.read(
                    [_stored(name, key) for key in part["Keys"]],
                    together=False,
                    consistent=part.get("ConsistentRead", False),
                )
                for name, part in asked["RequestItems"].items()
            )
    return 0


def _write_actions(operation: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    if operation == "TransactWriteItems":
        return [action for item in asked["TransactItems"] for action in item.values()]
    return [asked] if operation in WRITES else []


def _images(operation: str, asked: dict[str, Any]) -> list[Item | None]:
    """What the call's items are now."""
    return [
        _stored(action["TableName"], action.get("Key") or action["Item"]) for action in _write_actions(operation, asked)
    ]


def table(name: str) -> Table:
    """moto's own table."""
    found: Table = dynamodb_backends["123456789012"]["us-east-1"].get_table(name)
    return found


def _stored(name: str, item: Item) -> Item | None:
    key = {attribute: item[attribute] for attribute in table(name).table_key_attrs}
    found = dynamodb_backends["123456789012"]["us-east-1"].get_item(name, key)
    return found.to_json()["Attributes"] if found else None


def _indexes(name: str) -> list[Index]:
    found = table(name)
    return [Index(index.describe(), found.table_key_attrs) for index in found.global_indexes]

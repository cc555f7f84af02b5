"""Record every AWS call with its parameters and the capacity units it consumed, while Yardmaster runs on moto."""

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
    """One call and its capacity units, which are 0 for services without them."""

    service: str
    operation: str
    parameters: dict[str, Any]
    refused: bool
    reads: float = 0
    writes: float = 0


@contextmanager
def metering() -> Iterator[list[Call]]:
    """Record the calls that are made within the block, in order."""
    calls: list[Call] = []
    client_class: Any = BaseClient  # botocore-stubs leave out its private methods
    call, lock = client_class._make_api_call, threading.RLock()

    def metered(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        with lock:  # a write's units follow from the items before and after the call
            service = client.meta.service_model.service_name
            before, answer = _images(operation, parameters), None
            try:
                answer = call(client, operation, parameters)
                return answer
            finally:
                calls.append(_call_with_units(service, operation, parameters, before, answer))

    with patch.object(BaseClient, "_make_api_call", metered):
        yield calls


def _call_with_units(
    service: str, operation: str, parameters: dict[str, Any], before: list[Item | None], answer: Any | None
) -> Call:
    if operation in WRITES:
        return Call(service, operation, parameters, answer is None, writes=_write_units(operation, parameters, before))
    return Call(
        service,
        operation,
        parameters,
        answer is None,
        reads=_read_units(operation, parameters, answer or {"Items": []}),
    )


def _write_units(operation: str, parameters: dict[str, Any], before: list[Item | None]) -> float:
    changes = zip(_write_actions(operation, parameters), before, _images(operation, parameters), strict=True)
    units_each = (units.count_written(old, new, _indexes(action["TableName"])) for action, old, new in changes)
    return sum(units_each) * (2 if operation == "TransactWriteItems" else 1)


def _read_units(operation: str, parameters: dict[str, Any], answer: Any) -> float:
    match operation:
        case "GetItem":
            items = [_find_item(parameters["TableName"], parameters["Key"])]
            return units.read(items, together=False, consistent=parameters.get("ConsistentRead", False))
        case "Query":
            return units.read(answer["Items"], together=True, consistent=parameters.get("ConsistentRead", False))
        case "BatchGetItem":
            return sum(
                units.read(
                    [_find_item(name, key) for key in part["Keys"]],
                    together=False,
                    consistent=part.get("ConsistentRead", False),
                )
                for name, part in parameters["RequestItems"].items()
            )
    return 0


def _write_actions(operation: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    if operation == "TransactWriteItems":
        return [action for item in parameters["TransactItems"] for action in item.values()]
    return [parameters] if operation in WRITES else []


def _images(operation: str, parameters: dict[str, Any]) -> list[Item | None]:
    """The present items under the keys that the call writes."""
    return [
        _find_item(action["TableName"], action.get("Key") or action["Item"])
        for action in _write_actions(operation, parameters)
    ]


def table(name: str) -> Table:
    """Return moto's table object."""
    moto_table: Table = dynamodb_backends["123456789012"]["us-east-1"].get_table(name)
    return moto_table


def _find_item(name: str, item: Item) -> Item | None:
    key = {attribute: item[attribute] for attribute in table(name).table_key_attrs}
    stored = dynamodb_backends["123456789012"]["us-east-1"].get_item(name, key)
    return stored.to_json()["Attributes"] if stored else None


def _indexes(name: str) -> list[Index]:
    moto_table = table(name)
    return [Index(index.describe(), moto_table.table_key_attrs) for index in moto_table.global_indexes]

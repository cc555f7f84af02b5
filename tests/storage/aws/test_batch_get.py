"""BatchGetItem over several tables: pages of a hundred keys, and keys that DynamoDB leaves for the next call."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.tasks.table import TaskItem
from chalicelib.storage.workers.workers import WorkerItem
from tests.support import aws
from tests.support.world import ORG, POOL, World


def test_items_of_two_tables_come_with_their_models(world: World) -> None:
    worker, task = world.register(), world.submit()
    keys: list[batch_get.Key] = [
        (TaskItem, {"id": {"S": task.id}}),
        (TaskItem, {"id": {"S": "task_that_is_not_there"}}),
        (WorkerItem, {"org_pool": {"S": f"{ORG}#{POOL}"}, "id": {"S": worker.id}}),
    ]
    with aws.counting() as calls:
        found = {(model, raw["id"]["S"]) for model, raw in batch_get.read(keys)}
    assert found == {(TaskItem, task.id), (WorkerItem, worker.id)}
    assert calls.total() == 1


def test_a_call_takes_a_hundred_keys(world: World) -> None:
    ids = [world.submit().id for _ in range(101)]
    with aws.counting() as calls:
        found = [raw["id"]["S"] for _, raw in batch_get.read([(TaskItem, {"id": {"S": name}}) for name in ids])]
    assert sorted(found) == sorted(ids)
    assert calls.total() == 2


def test_only_the_attributes_that_are_named_are_read(world: World) -> None:
    task = world.submit()
    [(_, raw)] = batch_get.read([(TaskItem, {"id": {"S": task.id}})], ["id", "status"])
    assert raw == {"id": {"S": task.id}, "status": {"S": task.status.value}}


def test_what_dynamodb_left_is_asked_for_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [world.submit().id for _ in range(3)]
    call: Callable[..., Any] = dynamodb.call

    def answer_one_key(connection: Any, operation: str, arguments: dict[str, Any]) -> Any:
        [(table, request)] = arguments["RequestItems"].items()
        first, rest = request["Keys"][:1], request["Keys"][1:]
        answer = call(connection, operation, {"RequestItems": {table: request | {"Keys": first}}})
        return answer | {"UnprocessedKeys": {table: request | {"Keys": rest}} if rest else {}}

    monkeypatch.setattr(dynamodb, "call", answer_one_key)
    found = [raw["id"]["S"] for _, raw in batch_get.read([(TaskItem, {"id": {"S": name}}) for name in ids])]
    assert sorted(found) == sorted(ids)

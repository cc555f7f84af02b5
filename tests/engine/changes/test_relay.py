import json
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.config import settings
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.changes import relay
from chalicelib.engine.documents import documents
from chalicelib.errors import Unavailable
from chalicelib.functions import queues as queue_functions
from chalicelib.functions import streams
from chalicelib.storage.aws import sqs
from chalicelib.storage.aws.sqs import Message
from tests.engine.helpers import complete, held, pull
from tests.support import aws
from tests.support.world import ORG, POOL, World

NOBODY = {"batchItemFailures": []}


class Down:
    """A queue service that refuses every message which speaks of `about`."""

    def __init__(self, about: str = "") -> None:
        self._about = about

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        if any(self._about in json.dumps(message.body) for message in messages):
            raise Unavailable("The queue cannot be reached; try again")


def records(table: str = "tasks") -> list[dict[str, Any]]:
    return aws.stream(f"yardmaster-{table}")


def number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def poisoned(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a task in a state that no code knows."""
    image = record["dynamodb"]["NewImage"] | {"status": {"S": "levitating"}}
    return record | {"dynamodb": record["dynamodb"] | {"NewImage": image, "SequenceNumber": "666"}}


def figure(house: World, name: str) -> int:
    return sum(row[name] for (_, kind), row in house.rows().items() if kind.startswith("hour#"))


def parked(house: World) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in house.queues.queues.get(settings().parked_queue, [])]


def park_in_sqs(house: World) -> None:
    """What the fake queues hold as parked, where the sweep looks for it."""
    sqs.sqs().send(settings().parked_queue, [Message(body) for body in parked(house)])


def test_records_told_twice_are_counted_and_logged_once(house: World) -> None:
    pull(house, max_concurrent=3)
    for task in [held(house), held(house), held(house)]:
        complete(task)
    house.settle()
    rows, log = house.rows(), house.log()
    house.rewind("tasks", 100)
    house.rewind("workers", 100)
    house.settle()
    assert (house.rows(), house.log()) == (rows, log)
    assert figure(house, "completed") == 3


def test_a_batch_with_old_and_new_records_counts_the_new_ones(house: World) -> None:
    house.submit()
    house.settle()
    house.submit()
    house.rewind("tasks", 10)
    house.settle()
    assert figure(house, "created") == 2


def test_a_relay_that_dies_between_the_log_and_the_queues_is_run_again_and_counts_once(house: World) -> None:
    pull(house)
    house.settle()
    task = house.submit()
    sqs.use(Down())
    assert streams.relayed({"Records": records()}, "tasks")["batchItemFailures"] == [
        {"itemIdentifier": number(records()[0])}
    ]
    assert figure(house, "created") == 1
    sqs.use(house.queues)
    house.settle()
    assert figure(house, "created") == 1
    assert house.task(task.id).status is Status.LEASED


def test_where_a_service_is_down_the_record_and_all_after_it_come_back(house: World) -> None:
    made = [house.submit() for _ in range(4)]
    sqs.use(Down(about=made[2].id))
    answer = streams.relayed({"Records": records()}, "tasks")
    assert answer == {"batchItemFailures": [{"itemIdentifier": number(records()[2])}]}


def test_a_poison_record_is_parked_without_its_payload_and_blocks_nobody(house: World) -> None:
    for _ in range(3):
        house.submit(payload="secret")
    first, second, third = records()
    assert streams.relayed({"Records": [first, poisoned(second), third]}, "tasks") == NOBODY
    assert figure(house, "created") == 2
    (body,) = parked(house)
    assert (body["id"], body["table"], body["new"]["status"]) == ("666", "tasks", {"S": "levitating"})
    assert "secret" not in json.dumps(body)


def test_what_is_parked_is_carried_out_by_the_sweep_and_then_gone(house: World) -> None:
    house.submit()
    found = records()[0]["dynamodb"]
    relay.park(relay.Change("1", "tasks", None, found["NewImage"]), ValueError("was broken then"))
    park_in_sqs(house)
    house.sweep()
    assert figure(house, "created") == 1
    house.clock.advance(60)
    assert relay.replay_parked() == 0


def test_a_parked_document_is_replayed_with_all_that_it_says(house: World) -> None:
    project = documents.create(documents.new(ORG, "project", {"name": "p", "status": "active"}))
    documents.merge(ORG, "project", project.id, {"status": "completed"})
    before, after = (record["dynamodb"]["NewImage"] for record in records("documents"))
    relay.park(relay.Change("1", "documents", before, after), ValueError("was broken then"))
    park_in_sqs(house)
    house.sweep()
    [told] = house.queues.queues[settings().announce_queue]
    assert '"topic":"project.completed"' in told.body.replace(" ", "")


def test_a_parked_record_that_still_fails_stops_neither_the_others_nor_what_is_due(house: World) -> None:
    house.submit()
    late = house.submit(run_at=house.clock.now() + 30_000)
    good = records()[0]
    streams.relayed({"Records": [poisoned(good)]}, "tasks")
    relay.park(relay.Change("2", "tasks", None, good["dynamodb"]["NewImage"]), ValueError("was broken then"))
    park_in_sqs(house)
    house.clock.advance(60)
    with pytest.raises(ExceptionGroup):
        house.sweep()
    assert figure(house, "created") == 1
    assert house.task(late.id).ready


def test_more_events_than_a_transaction_holds_are_recorded_in_several(house: World) -> None:
    for _ in range(100):
        house.submit()
    with aws.counting() as calls:
        assert streams.relayed({"Records": records()}, "tasks") == NOBODY
    assert calls == {("DynamoDB", "TransactWriteItems"): 2}
    assert figure(house, "created") == len(house.log()) == 100


def test_the_pool_s_own_item_has_no_effects(house: World) -> None:
    held(house)
    pools = [one for one in records("workers") if one["dynamodb"]["Keys"]["id"]["S"] == "#pool"]
    before = house.rows(), house.log()
    assert pools
    assert streams.relayed({"Records": pools}, "workers") == NOBODY
    assert (house.rows(), house.log()) == before


# The queues' functions: only what failed comes back


def message(name: str, body: Any) -> dict[str, Any]:
    return {"messageId": name, "body": json.dumps(body)}


def failures(answer: Any) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_of_the_nudges_only_those_of_the_failing_pool_come_back(house: World) -> None:
    pull(house)
    task = house.submit()
    fine = {"org": ORG, "pool": POOL, "tasks": [{"id": task.id, "lane": "any", "capabilities": [], "group": None}]}
    broken = {"org": ORG, "pool": "broken", "tasks": [{}]}
    event = {"Records": [message("1", broken), message("2", fine), message("3", broken)]}
    assert failures(queue_functions.dispatched(event)) == ["1", "3"]
    assert house.task(task.id).held


def test_of_the_deliveries_only_the_failing_one_comes_back(house: World) -> None:
    def explode(*_: Any) -> Any:
        raise RuntimeError("a defect")

    servers = [house.register("bad", explode), house.register("good")]
    made = [house.submit(), house.submit()]
    while not all(house.task(task.id).held for task in made):
        house.relay("tasks"), house.relay("workers"), house.handle("dispatch")
    now = [house.task(task.id) for task in made]
    event = {
        "Records": [
            message(
                str(task.worker_id),
                {"task_id": task.id, "epoch": 1, "org": ORG, "pool": POOL, "worker_id": task.worker_id},
            )
            for task in now
        ]
    }
    assert failures(queue_functions.delivered(event)) == [servers[0].id]
    assert [house.task(task.id).status for task in now if task.worker_id == servers[1].id] == [Status.RUNNING]


def test_of_the_wakeups_only_the_failing_one_comes_back(house: World) -> None:
    task = house.submit(run_at=house.clock.now() + 1_000)
    house.clock.advance(1)
    wakeup = {"kind": "task", "org": ORG, "pool": POOL, "id": task.id, "at": 0}
    gone = [wakeup | {"id": "task_none"}, wakeup | {"kind": "worker", "id": "server_none"}]
    event = {"Records": [message("1", {}), message("2", wakeup), message("3", gone[0]), message("4", gone[1])]}
    assert failures(queue_functions.woken(event)) == ["1"]
    assert house.task(task.id).ready

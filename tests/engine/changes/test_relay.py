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
from tests.engine.helpers import complete, hand_over_task, pull
from tests.support import aws
from tests.support.world import ORG, POOL, World

NOBODY = {"batchItemFailures": []}


class Down:
    """A queue service that refuses every message which contains `about`."""

    def __init__(self, about: str = "") -> None:
        self._about = about

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        if any(self._about in json.dumps(message.body) for message in messages):
            raise Unavailable("The queue cannot be reached; try again")


def records(table: str = "tasks") -> list[dict[str, Any]]:
    return aws.stream_records(f"yardmaster-{table}")


def number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def with_unknown_status(record: dict[str, Any]) -> dict[str, Any]:
    """The stream record of a task in a state that the code does not know."""
    image = record["dynamodb"]["NewImage"] | {"status": {"S": "levitating"}}
    return record | {"dynamodb": record["dynamodb"] | {"NewImage": image, "SequenceNumber": "666"}}


def figure(world: World, name: str) -> int:
    return sum(row[name] for (_, kind), row in world.rows().items() if kind.startswith("hour#"))


def read_parked(world: World) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in world.queues.queues.get(settings().parked_queue, [])]


def park_in_sqs(world: World) -> None:
    """Move the parked messages of the fake queues to SQS, where the sweep reads them."""
    sqs.client().send(settings().parked_queue, [Message(body) for body in read_parked(world)])


def test_records_delivered_twice_are_counted_and_logged_once(world: World) -> None:
    pull(world, max_concurrent=3)
    for task in [hand_over_task(world), hand_over_task(world), hand_over_task(world)]:
        complete(task)
    world.settle()
    rows, log = world.rows(), world.log()
    world.rewind("tasks", 100)
    world.rewind("workers", 100)
    world.settle()
    assert (world.rows(), world.log()) == (rows, log)
    assert figure(world, "completed") == 3


def test_a_batch_with_old_and_new_records_counts_the_new_ones(world: World) -> None:
    world.submit()
    world.settle()
    world.submit()
    world.rewind("tasks", 10)
    world.settle()
    assert figure(world, "created") == 2


def test_a_relay_that_dies_between_the_log_and_the_queues_is_run_again_and_counts_once(world: World) -> None:
    pull(world)
    world.settle()
    task = world.submit()
    sqs.use_queues(Down())
    assert streams.handle_changes({"Records": records()}, "tasks")["batchItemFailures"] == [
        {"itemIdentifier": number(records()[0])}
    ]
    assert figure(world, "created") == 1
    sqs.use_queues(world.queues)
    world.settle()
    assert figure(world, "created") == 1
    assert world.task(task.id).status is Status.LEASED


def test_where_a_service_is_down_the_record_and_all_after_it_come_back(world: World) -> None:
    made = [world.submit() for _ in range(4)]
    sqs.use_queues(Down(about=made[2].id))
    answer = streams.handle_changes({"Records": records()}, "tasks")
    assert answer == {"batchItemFailures": [{"itemIdentifier": number(records()[2])}]}


def test_a_poison_record_is_parked_without_its_payload_and_blocks_nobody(world: World) -> None:
    for _ in range(3):
        world.submit(payload="secret")
    first, second, third = records()
    assert streams.handle_changes({"Records": [first, with_unknown_status(second), third]}, "tasks") == NOBODY
    assert figure(world, "created") == 2
    (body,) = read_parked(world)
    assert (body["id"], body["table"], body["new"]["status"]) == ("666", "tasks", {"S": "levitating"})
    assert "secret" not in json.dumps(body)


def test_what_is_parked_is_carried_out_by_the_sweep_and_then_gone(world: World) -> None:
    world.submit()
    found = records()[0]["dynamodb"]
    relay.park(relay.Change("1", "tasks", None, found["NewImage"]), ValueError("was broken then"))
    park_in_sqs(world)
    world.sweep()
    assert figure(world, "created") == 1
    world.clock.advance(60)
    assert relay.replay_parked() == 0


def test_a_parked_document_is_replayed_with_all_that_it_says(world: World) -> None:
    project = documents.create(documents.new(ORG, "project", {"name": "p", "status": "active"}))
    documents.merge(ORG, "project", project.id, {"status": "completed"})
    before, after = (record["dynamodb"]["NewImage"] for record in records("documents"))
    relay.park(relay.Change("1", "documents", before, after), ValueError("was broken then"))
    park_in_sqs(world)
    world.sweep()
    [announced] = world.queues.queues[settings().announce_queue]
    assert '"topic":"project.completed"' in announced.body.replace(" ", "")


def test_a_parked_record_that_still_fails_stops_neither_the_others_nor_what_is_due(world: World) -> None:
    world.submit()
    late = world.submit(run_at=world.clock.now() + 30_000)
    good = records()[0]
    streams.handle_changes({"Records": [with_unknown_status(good)]}, "tasks")
    relay.park(relay.Change("2", "tasks", None, good["dynamodb"]["NewImage"]), ValueError("was broken then"))
    park_in_sqs(world)
    world.clock.advance(60)
    with pytest.raises(ExceptionGroup):
        world.sweep()
    assert figure(world, "created") == 1
    assert world.task(late.id).is_ready


def test_more_events_than_a_transaction_holds_are_recorded_in_several(world: World) -> None:
    for _ in range(100):
        world.submit()
    with aws.counting() as calls:
        assert streams.handle_changes({"Records": records()}, "tasks") == NOBODY
    assert calls == {("DynamoDB", "TransactWriteItems"): 2}
    assert figure(world, "created") == len(world.log()) == 100


def test_the_pool_s_own_item_has_no_effects(world: World) -> None:
    hand_over_task(world)
    pools = [one for one in records("workers") if one["dynamodb"]["Keys"]["id"]["S"] == "#pool"]
    before = world.rows(), world.log()
    assert pools
    assert streams.handle_changes({"Records": pools}, "workers") == NOBODY
    assert (world.rows(), world.log()) == before


# The queues' functions: only what failed comes back


def message(name: str, body: Any) -> dict[str, Any]:
    return {"messageId": name, "body": json.dumps(body)}


def failures(answer: Any) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_of_the_dispatch_requests_only_those_of_the_failing_pool_come_back(world: World) -> None:
    pull(world)
    task = world.submit()
    fine = {"org": ORG, "pool": POOL, "tasks": [{"id": task.id, "lane": "any", "capabilities": [], "group": None}]}
    broken = {"org": ORG, "pool": "broken", "tasks": [{}]}
    event = {"Records": [message("1", broken), message("2", fine), message("3", broken)]}
    assert failures(queue_functions.handle_dispatch(event)) == ["1", "3"]
    assert world.task(task.id).is_held


def test_of_the_handovers_only_the_failing_one_comes_back(world: World) -> None:
    def explode(*_: Any) -> Any:
        raise RuntimeError("a defect")

    servers = [world.register("bad", explode), world.register("good")]
    tasks = [world.submit(), world.submit()]
    while not all(world.task(task.id).is_held for task in tasks):
        world.relay("tasks"), world.relay("workers"), world.handle("dispatch")
    now = [world.task(task.id) for task in tasks]
    event = {
        "Records": [
            message(
                str(task.worker_id),
                {"task_id": task.id, "epoch": 1, "org": ORG, "pool": POOL, "worker_id": task.worker_id},
            )
            for task in now
        ]
    }
    assert failures(queue_functions.handle_handovers(event)) == [servers[0].id]
    assert [world.task(task.id).status for task in now if task.worker_id == servers[1].id] == [Status.RUNNING]


def test_of_the_wakeups_only_the_failing_one_comes_back(world: World) -> None:
    task = world.submit(run_at=world.clock.now() + 1_000)
    world.clock.advance(1)
    wakeup = {"kind": "task", "org": ORG, "pool": POOL, "id": task.id, "at": 0}
    gone = [wakeup | {"id": "task_none"}, wakeup | {"kind": "worker", "id": "server_none"}]
    event = {"Records": [message("1", {}), message("2", wakeup), message("3", gone[0]), message("4", gone[1])]}
    assert failures(queue_functions.handle_wakeups(event)) == ["1"]
    assert world.task(task.id).is_ready

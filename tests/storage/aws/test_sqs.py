"""Messages in batches of SQS's limits; and the fake queues, which refuse what SQS refuses."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.config import settings
from chalicelib.storage.aws.sqs import BATCH_SIZE, MAX_BATCH_BYTES, MAX_DELAY_SECONDS, Message, split_into_batches
from tests.support.queues import RefusedBySqs, require_accepted
from tests.support.world import World


def sizes(messages: list[Message]) -> list[int]:
    return [len(batch) for batch in split_into_batches(messages)]


def test_messages_go_in_order_and_ten_at_a_time_under_distinct_ids() -> None:
    batches = list(split_into_batches([Message({"n": number}) for number in range(23)]))
    assert [len(batch) for batch in batches] == [BATCH_SIZE, BATCH_SIZE, 3]
    assert [entry["MessageBody"] for batch in batches for entry in batch] == [
        f'{{"n":{number}}}' for number in range(23)
    ]
    for batch in batches:
        require_accepted("plain", batch)


def test_a_batch_is_no_larger_than_sqs_takes() -> None:
    half = Message({"text": "x" * (MAX_BATCH_BYTES // 2 - 20)})
    assert sizes([half] * 5) == [2, 2, 1]
    assert sizes([Message({}), Message({"text": "x" * (MAX_BATCH_BYTES - 11)}), Message({})]) == [1, 1, 1]
    assert sizes([]) == []


def entry(**changes: Any) -> dict[str, Any]:
    return {"Id": "0", "MessageBody": "{}"} | changes


FIFO = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
REFUSED: dict[str, tuple[bool, list[dict[str, Any]]]] = {
    "a delay of more than 15 minutes": (False, [entry(DelaySeconds=MAX_DELAY_SECONDS + 1)]),
    "a delay below zero": (False, [entry(DelaySeconds=-1)]),
    "nothing": (False, []),
    "eleven": (False, [entry(Id=str(number)) for number in range(11)]),
    "an id twice": (False, [entry(), entry()]),
    "a bad id": (False, [entry(Id="a.b")]),
    "no body": (False, [entry(MessageBody="")]),
    "more than a mebibyte": (False, [entry(MessageBody="x" * (MAX_BATCH_BYTES + 1))]),
    "more than a mebibyte together": (
        False,
        [entry(Id="0", MessageBody="x" * MAX_BATCH_BYTES), entry(Id="1", MessageBody="x")],
    ),
    "a deduplication id without an order": (False, [entry(MessageDeduplicationId="d")]),
    "no group": (True, [entry(MessageDeduplicationId="d")]),
    "no deduplication id": (True, [entry(MessageGroupId="g")]),
    "a long group": (True, [entry(**FIFO | {"MessageGroupId": "g" * 129})]),
    "a group with a space": (True, [entry(**FIFO | {"MessageGroupId": "a b"})]),
    "a group in other letters": (True, [entry(**FIFO | {"MessageGroupId": "é"})]),
    "a deduplication id with a space": (True, [entry(**FIFO | {"MessageDeduplicationId": "a b"})]),
    "a long deduplication id": (True, [entry(**FIFO | {"MessageDeduplicationId": "d" * 129})]),
    "a delay in an order": (True, [entry(**FIFO, DelaySeconds=5)]),
}
MOTO_TAKES = frozenset(
    {
        "a delay below zero",
        "no body",
        "a deduplication id without an order",
        "a long group",
        "a group with a space",
        "a group in other letters",
        "a deduplication id with a space",
        "a long deduplication id",
    }
)
"""Cases that SQS refuses by its API reference (SendMessageBatch, SendMessage), and moto accepts."""
TAKEN: list[tuple[bool, list[dict[str, Any]]]] = [
    (False, [entry(DelaySeconds=MAX_DELAY_SECONDS)]),
    (False, [entry(Id=str(number)) for number in range(10)]),
    (False, [entry(MessageBody="x" * MAX_BATCH_BYTES)]),
    (True, [entry(**FIFO)]),
    (True, [entry(**FIFO, DelaySeconds=0)]),
]


def name(fifo: bool) -> str:
    return settings().dispatch_queue if fifo else settings().wakeups_queue


def moto_takes(fifo: bool, entries: list[dict[str, Any]]) -> bool:
    sqs: Any = boto3.client("sqs", region_name=settings().region)
    attributes = {"FifoQueue": "true"} if fifo else {}
    url = sqs.create_queue(QueueName=name(fifo), Attributes=attributes)["QueueUrl"]
    try:
        return not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
    except ClientError:
        return False


@pytest.mark.parametrize("case", REFUSED)
def test_the_fake_queues_refuse_what_sqs_refuses(world: World, case: str) -> None:
    fifo, entries = REFUSED[case]
    with pytest.raises(RefusedBySqs):
        require_accepted(name(fifo), entries)
    assert moto_takes(fifo, entries) is (case in MOTO_TAKES)


@pytest.mark.parametrize(("fifo", "entries"), TAKEN)
def test_the_fake_queues_take_what_sqs_takes(world: World, fifo: bool, entries: list[dict[str, Any]]) -> None:
    require_accepted(name(fifo), entries)
    assert moto_takes(fifo, entries)


@pytest.mark.parametrize(
    "message",
    [
        Message({}, delay=MAX_DELAY_SECONDS + 1),
        Message({"text": "x" * MAX_BATCH_BYTES}),
        Message({}, group="g", deduplication="d", delay=1),
        Message({}, group="g"),
    ],
)
def test_a_refusal_is_noticed_even_where_somebody_swallows_it(world: World, message: Message) -> None:
    queue = name(message.group is not None)
    with pytest.raises(RefusedBySqs):
        world.queues.send(queue, [message])
    assert world.queues.refused.pop() and not world.queues.queues.get(queue)

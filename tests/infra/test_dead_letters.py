"""Dead letters are listed, shown and replayed; attributes of FIFO queues are kept."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import dead_letters
from infra.dead_letters import DeadLetter, DeadLetters, NothingFound
from infra.local.moto import resources
from infra.resources import storage_template

FIFO = ("dispatch", "live", "announce", "webhooks", "notifications")


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The deployment's queues, on moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with mock_aws():
        kinds = {"AWS::SQS::Queue"}
        found = {name: one for name, one in storage_template()["Resources"].items() if one["Type"] in kinds}
        resources.create({"Resources": found})
        yield boto3.client("sqs", region_name="us-east-1")


@pytest.fixture
def letters(sqs: Any) -> DeadLetters:
    return DeadLetters(sqs, wait_seconds=0)


def url(sqs: Any, name: str) -> str:
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


def put_dead_letters(sqs: Any, letters: DeadLetters, queue: str, count: int, groups: int = 1) -> list[str]:
    """Put messages into a dead-letter queue, and return their ids in order."""
    fifo = queue in FIFO
    ids = []
    for number in range(count):
        more = {"MessageGroupId": f"g{number % groups}", "MessageDeduplicationId": f"d{number}"} if fifo else {}
        sent = sqs.send_message(
            QueueUrl=url(sqs, letters.queue_name(queue)),
            MessageBody=json.dumps({"n": number}),
            MessageAttributes={"trace": {"DataType": "String", "StringValue": "t"}},
            **more,
        )
        ids.append(sent["MessageId"])
    return ids


def receive_all(sqs: Any, queue: str) -> list[DeadLetter]:
    """The messages in the queue that the function reads."""
    name = f"yardmaster-{queue}.fifo" if queue in FIFO else f"yardmaster-{queue}"
    letters: list[DeadLetter] = []
    while messages := sqs.receive_message(
        QueueUrl=url(sqs, name), MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
    ).get("Messages"):
        letters += map(DeadLetter.from_message, messages)
        for message in messages:
            sqs.delete_message(QueueUrl=url(sqs, name), ReceiptHandle=message["ReceiptHandle"])
    return letters


def numbers(found: list[DeadLetter]) -> list[int]:
    return [json.loads(letter.body)["n"] for letter in found]


@pytest.mark.parametrize("queue", dead_letters.settings_by_queue())
def test_a_replay_keeps_order_body_and_attributes_of_all_messages(sqs: Any, letters: DeadLetters, queue: str) -> None:
    put_dead_letters(sqs, letters, queue, 23, groups=2)
    assert letters.waiting()[queue] == 23
    assert len(letters.replay(queue)) == 23
    replayed = receive_all(sqs, queue)
    assert sorted(numbers(replayed)) == list(range(23))
    if queue in FIFO:
        assert {letter.group for letter in replayed} == {"g0", "g1"}
        for group in (0, 1):
            assert [n for n in numbers(replayed) if n % 2 == group] == list(range(group, 23, 2))
    assert {letter.attributes["trace"]["StringValue"] for letter in replayed} == {"t"}
    assert set(letters.waiting().values()) == {0}


@pytest.mark.parametrize("queue", ["deliver", "dispatch"])
def test_reading_changes_nothing_and_can_be_repeated(sqs: Any, letters: DeadLetters, queue: str) -> None:
    ids = put_dead_letters(sqs, letters, queue, 12, groups=3)
    for limit in (3, 10):
        shown = [letter.id for letter in letters.read(queue, limit)]
        assert len(shown) == limit
        assert set(shown) <= set(ids)
    assert letters.waiting()[queue] == 12


@pytest.mark.parametrize("queue", ["deliver", "announce"])
def test_only_named_messages_are_replayed_or_deleted(sqs: Any, letters: DeadLetters, queue: str) -> None:
    made = put_dead_letters(sqs, letters, queue, 5)
    assert [letter.id for letter in letters.replay(queue, {made[1]})] == [made[1]]
    assert [letter.id for letter in letters.drop(queue, {made[3]})] == [made[3]]
    assert numbers(receive_all(sqs, queue)) == [1]
    assert sorted(numbers(letters.read(queue))) == [0, 2, 4]


def test_a_message_that_is_not_found_is_reported_and_the_others_are_replayed(sqs: Any, letters: DeadLetters) -> None:
    [made] = put_dead_letters(sqs, letters, "deliver", 1)
    with pytest.raises(NothingFound, match=r"deliver-dead: nobody\. 1 others were found"):
        letters.replay("deliver", {"nobody", made})
    assert numbers(receive_all(sqs, "deliver")) == [0]


def test_a_replay_that_dies_between_sending_and_deleting_loses_nothing(sqs: Any, letters: DeadLetters) -> None:
    put_dead_letters(sqs, letters, "dispatch", 2)

    class Dying:
        """Dies before the first message is deleted."""

        def __getattr__(self, name: str) -> Any:
            if name == "delete_message":
                raise ConnectionError
            return getattr(sqs, name)

    with pytest.raises(ConnectionError):
        DeadLetters(Dying(), wait_seconds=0).replay("dispatch")
    assert numbers(receive_all(sqs, "dispatch")) == [0]


def test_a_replay_within_five_minutes_is_not_dropped_as_a_duplicate(sqs: Any, letters: DeadLetters) -> None:
    """SQS drops a message with the same deduplication id within five minutes."""
    first = {"MessageGroupId": "g0", "MessageDeduplicationId": "d0"}
    sqs.send_message(QueueUrl=url(sqs, "yardmaster-dispatch.fifo"), MessageBody='{"n": 7}', **first)
    assert numbers(receive_all(sqs, "dispatch")) == [7]
    put_dead_letters(sqs, letters, "dispatch", 1)
    letters.replay("dispatch")
    assert numbers(receive_all(sqs, "dispatch")) == [0]


# The command


def run(letters: DeadLetters, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit status and the output."""
    status = dead_letters.main(arguments, letters)
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def test_the_commands_of_the_page(sqs: Any, letters: DeadLetters, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = put_dead_letters(sqs, letters, "webhooks", 2)
    assert "webhooks              2  yardmaster-webhooks-dead.fifo\n" in run(letters, capsys, "list")[1]
    status, shown = run(letters, capsys, "show", "webhooks")
    assert (status, first in shown, second in shown, '{"n": 1}' in shown) == (0, True, True, True)
    assert run(letters, capsys, "replay", "webhooks", "--id", first) == (0, "1 replayed\n")
    assert run(letters, capsys, "drop", "webhooks", "--id", second) == (0, "1 deleted\n")
    assert run(letters, capsys, "replay", "webhooks") == (
        1,
        "No message is visible in yardmaster-webhooks-dead.fifo.\n",
    )


def test_parked_changes_can_be_shown_and_deleted_but_not_replayed(
    sqs: Any, letters: DeadLetters, capsys: pytest.CaptureFixture[str]
) -> None:
    [message_id] = put_dead_letters(sqs, letters, "parked", 1)
    assert message_id in run(letters, capsys, "show", "parked")[1]
    with pytest.raises(SystemExit) as refused:
        run(letters, capsys, "replay", "parked")
    assert refused.value.code == 2
    assert run(letters, capsys, "drop", "parked", "--id", message_id)[0] == 0


def test_the_prefix_chooses_the_deployment(sqs: Any) -> None:
    letters = DeadLetters(sqs, "second")
    assert letters.queue_name("live") == "second-live-dead.fifo"
    assert letters.queue_name("parked") == "second-relay-dead"

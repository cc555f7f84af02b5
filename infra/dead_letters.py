"""Dead letters of a deployment: messages that failed five times. List, show, replay and delete them.

    python -m infra.dead_letters list                           how many wait in each queue
    python -m infra.dead_letters show QUEUE [--limit N]         print the first N (10) and leave them in the queue
    python -m infra.dead_letters replay QUEUE [--id ID ...]     move all, or the named ones, back to their queue
    python -m infra.dead_letters drop QUEUE --id ID [...]       delete the named ones for good

QUEUE is the function that failed, such as `webhooks`, or `parked`: changes that could not be relayed, which the sweep
replays by itself. `--prefix` names the deployment (default: yardmaster). Region and credentials are the AWS CLI's.

A message is sent before it is deleted: an interrupted replay may repeat a message and loses none. Messages that were
received are hidden from other readers for up to 30 seconds. If no message was found to replay or drop, the exit status
is 1.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from infra.bundles import consumers
from infra.names import PREFIX, default
from infra.resources import dead_letter_queue_name

PARKED = "parked"
BATCH = 10
HIDDEN_SECONDS = 30
WAIT_SECONDS = 1
"""How long SQS looks for messages: without waiting it may miss some."""


class NothingFound(Exception):
    """A named message, or any message, was not found."""


@dataclass(frozen=True)
class DeadLetter:
    """One received message. `group` is its message group, in a FIFO queue."""

    id: str
    receipt: str
    body: str
    sent_ms: int
    receives: int
    group: str | None
    attributes: dict[str, Any]

    @classmethod
    def from_message(cls, message: Any) -> "DeadLetter":
        """Read a message of ReceiveMessage's response."""
        system = message["Attributes"]
        return cls(
            id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            body=message["Body"],
            sent_ms=int(system["SentTimestamp"]),
            receives=int(system["ApproximateReceiveCount"]),
            group=system.get("MessageGroupId"),
            attributes=message.get("MessageAttributes", {}),
        )

    @property
    def text(self) -> str:
        """The message as `show` prints it."""
        sent = datetime.fromtimestamp(self.sent_ms / 1000, UTC).isoformat(timespec="seconds")
        group = f"  group {self.group}" if self.group is not None else ""
        return f"{self.id}  sent {sent}  received {self.receives} times{group}\n    {_readable(self.body)}"


Action = Callable[[DeadLetter], None]


def _readable(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body


def settings_by_queue() -> dict[str, str]:
    """Name of a queue on the command line -> its setting."""
    return {setting.removesuffix("_queue"): setting for setting in consumers()}


class DeadLetters:
    """The dead-letter queues of the deployment named `prefix`."""

    def __init__(self, client: Any, prefix: str = PREFIX, wait_seconds: int = WAIT_SECONDS) -> None:
        self._client, self._prefix, self._wait = client, prefix, wait_seconds

    def waiting(self) -> dict[str, int]:
        """The approximate number of messages in each queue."""
        return {name: self._depth(self.queue_name(name)) for name in (*settings_by_queue(), PARKED)}

    def queue_name(self, name: str) -> str:
        """The physical name of the queue that holds the dead letters of `name`."""
        if name == PARKED:
            return self._prefixed(str(default("parked_queue")))
        return self._prefixed(dead_letter_queue_name(str(default(settings_by_queue()[name]))))

    def read(self, name: str, limit: int | None = None) -> list[DeadLetter]:
        """The first messages, or all that are visible; they become visible to other readers again."""
        url = self._url(self.queue_name(name))
        letters = list(self._receive(url, limit))
        self._show_again(url, letters)
        return letters

    def replay(self, name: str, ids: Collection[str] = ()) -> list[DeadLetter]:
        """Move all messages, or the named ones, back to their queue. Raises NothingFound."""
        target = self._url(self._prefixed(str(default(settings_by_queue()[name]))))
        return self._delete_messages(name, ids, lambda letter: self._send(target, letter))

    def drop(self, name: str, ids: Collection[str]) -> list[DeadLetter]:
        """Delete the named messages. Raises NothingFound."""
        return self._delete_messages(name, ids, None)

    def _delete_messages(self, name: str, ids: Collection[str], before_deletion: Action | None) -> list[DeadLetter]:
        url, done, passed = self._url(self.queue_name(name)), [], []
        for letter in self._receive(url, None):
            if ids and letter.id not in ids:
                passed.append(letter)
                continue
            if before_deletion is not None:
                before_deletion(letter)
            self._client.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)
            done.append(letter)
        self._show_again(url, passed)
        missing = sorted(set(ids) - {letter.id for letter in done})
        if missing or not done:
            raise NothingFound(_not_found_text(self.queue_name(name), missing, len(done)))
        return done

    def _receive(self, url: str, limit: int | None) -> Iterator[DeadLetter]:
        """Messages in the order of SQS, each once; they stay hidden meanwhile."""
        seen: set[str] = set()
        while limit is None or len(seen) < limit:
            answer = self._client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=BATCH if limit is None else min(BATCH, limit - len(seen)),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=self._wait,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = map(DeadLetter.from_message, answer.get("Messages", []))
            fresh = [letter for letter in received if letter.id not in seen]
            if not fresh:
                return
            seen |= {letter.id for letter in fresh}
            yield from fresh

    def _send(self, url: str, letter: DeadLetter) -> None:
        fifo = {}
        if letter.group is not None:
            # A new deduplication id: with the old one SQS would drop the message as a duplicate within five minutes.
            fifo = {"MessageGroupId": letter.group, "MessageDeduplicationId": f"replay-{letter.id}"}
        self._client.send_message(
            QueueUrl=url, MessageBody=letter.body, MessageAttributes=_sendable(letter.attributes), **fifo
        )

    def _show_again(self, url: str, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            self._client.change_message_visibility(QueueUrl=url, ReceiptHandle=letter.receipt, VisibilityTimeout=0)

    def _depth(self, name: str) -> int:
        wanted = "ApproximateNumberOfMessages"
        answer = self._client.get_queue_attributes(QueueUrl=self._url(name), AttributeNames=[wanted])
        return int(answer["Attributes"][wanted])

    def _url(self, name: str) -> str:
        return str(self._client.get_queue_url(QueueName=name)["QueueUrl"])

    def _prefixed(self, stored: str) -> str:
        return self._prefix + stored.removeprefix(PREFIX)


def _sendable(attributes: dict[str, Any]) -> dict[str, Any]:
    kept = ("DataType", "StringValue", "BinaryValue")
    return {name: {key: value[key] for key in kept if key in value} for name, value in attributes.items()}


def _not_found_text(queue: str, missing: Sequence[str], done: int) -> str:
    if not missing:
        return f"No message is visible in {queue}."
    others = f" {done} others were found." if done else ""
    return (
        f"Not found in {queue}: {', '.join(missing)}.{others} Of a FIFO queue only the first {BATCH} of each group "
        f"are visible, and messages that another reader received become visible within {HIDDEN_SECONDS} seconds."
    )


def main(arguments: Sequence[str], letters: DeadLetters | None = None) -> int:
    """Run the command; return the exit status."""
    options = _parser().parse_args(arguments)
    dead_letters = letters or DeadLetters(boto3.client("sqs", region_name=os.environ.get("AWS_REGION")), options.prefix)
    try:
        for line in _output_lines(options, dead_letters):
            print(line)
    except NothingFound as nothing:
        print(nothing, file=sys.stderr)
        return 1
    return 0


def _output_lines(options: argparse.Namespace, letters: DeadLetters) -> Iterator[str]:
    if options.command == "list":
        yield from (f"{name:<16} {number:>6}  {letters.queue_name(name)}" for name, number in letters.waiting().items())
    elif options.command == "show":
        shown = letters.read(options.queue, options.limit)
        yield from (letter.text for letter in shown)
        yield f"{len(shown)} shown of {letters.queue_name(options.queue)}"
    elif options.command == "replay":
        yield f"{len(letters.replay(options.queue, options.id or ()))} replayed"
    else:
        yield f"{len(letters.drop(options.queue, options.id))} deleted"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m infra.dead_letters", description="Dead letters of a deployment.")
    parser.add_argument("--prefix", default=PREFIX, help="the deployment's Prefix")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="how many wait in each queue")
    show = commands.add_parser("show", help="print the first messages and leave them in the queue")
    show.add_argument("queue", choices=[*settings_by_queue(), PARKED])
    show.add_argument("--limit", type=int, default=BATCH)
    replay = commands.add_parser("replay", help="move messages back to their queue")
    replay.add_argument("queue", choices=list(settings_by_queue()))
    replay.add_argument("--id", action="append", help="only this message; may be repeated")
    drop = commands.add_parser("drop", help="delete messages for good")
    drop.add_argument("queue", choices=[*settings_by_queue(), PARKED])
    drop.add_argument("--id", action="append", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Dead letters of a deployment: what failed five times, to be looked at by name and then replayed.

    python -m infra.dead_letters list                           how many wait, in which queue
    python -m infra.dead_letters show QUEUE [--limit N]         the first of them (10), which stay where they are
    python -m infra.dead_letters replay QUEUE [--id ID ...]     back to their queue, all or those that are named
    python -m infra.dead_letters drop QUEUE --id ID [...]       deleted for good

QUEUE is the function that failed, such as `webhooks`, or `parked`: changes that could not be relayed, which the sweep
replays by itself. `--prefix` names the deployment (yardmaster). Region and credentials are the AWS CLI's.

A message is sent before it is deleted: a replay that is interrupted may repeat one and loses none. What is shown or
passed over is hidden from others for up to 30 seconds. Where nothing is found to replay or to drop, the exit status
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
from infra.resources import dead_name

PARKED = "parked"
BATCH = 10
HIDDEN_SECONDS = 30
WAIT_SECONDS = 1
"""For so long SQS looks for messages: with less it may miss some that are there."""


class NothingFound(Exception):
    """There is no such message, so that nothing was changed."""


@dataclass(frozen=True)
class Letter:
    """One message as it was received. `group` is that of a FIFO queue."""

    id: str
    receipt: str
    body: str
    sent_ms: int
    receives: int
    group: str | None
    attributes: dict[str, Any]

    @classmethod
    def from_message(cls, message: Any) -> "Letter":
        """Read what ReceiveMessage answered."""
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
        """The message as it is shown."""
        sent = datetime.fromtimestamp(self.sent_ms / 1000, UTC).isoformat(timespec="seconds")
        group = f"  group {self.group}" if self.group is not None else ""
        return f"{self.id}  sent {sent}  received {self.receives} times{group}\n    {_readable(self.body)}"


Deal = Callable[[Letter], None]


def _readable(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body


def names() -> dict[str, str]:
    """What a queue is called here -> its setting."""
    return {setting.removesuffix("_queue"): setting for setting in consumers()}


class DeadLetters:
    """The dead-letter queues of the deployment named `prefix`."""

    def __init__(self, client: Any, prefix: str = PREFIX, wait_seconds: int = WAIT_SECONDS) -> None:
        self._client, self._prefix, self._wait = client, prefix, wait_seconds

    def waiting(self) -> dict[str, int]:
        """About how many messages wait in each queue."""
        return {name: self._depth(self.grave(name)) for name in (*names(), PARKED)}

    def grave(self, name: str) -> str:
        """The physical name of the queue that holds the dead letters of `name`."""
        stored = str(default("parked_queue")) if name == PARKED else dead_name(str(default(names()[name])))
        return self._prefixed(stored)

    def read(self, name: str, limit: int | None = None) -> list[Letter]:
        """The first messages, or all that can be seen now; they are visible to others again when this returns."""
        url = self._url(self.grave(name))
        found = list(self._received(url, limit))
        self._show_again(url, found)
        return found

    def replay(self, name: str, ids: Collection[str] = ()) -> list[Letter]:
        """Send messages back to their queue, all or those named. Raises NothingFound."""
        target = self._url(self._prefixed(str(default(names()[name]))))
        return self._taken(name, ids, lambda letter: self._send(target, letter))

    def drop(self, name: str, ids: Collection[str]) -> list[Letter]:
        """Delete the named messages. Raises NothingFound."""
        return self._taken(name, ids, None)

    def _taken(self, name: str, ids: Collection[str], before_deletion: Deal | None) -> list[Letter]:
        url, done, passed = self._url(self.grave(name)), [], []
        for letter in self._received(url, None):
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
            raise NothingFound(_not_found(self.grave(name), missing, len(done)))
        return done

    def _received(self, url: str, limit: int | None) -> Iterator[Letter]:
        """Messages in the order in which SQS gives them, hidden meanwhile; none twice."""
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
            fresh = [letter for letter in map(Letter.from_message, answer.get("Messages", [])) if letter.id not in seen]
            if not fresh:
                return
            seen |= {letter.id for letter in fresh}
            yield from fresh

    def _send(self, url: str, letter: Letter) -> None:
        fifo = {}
        if letter.group is not None:
            # A name of its own: SQS would drop the message as a repetition of itself within five minutes.
            fifo = {"MessageGroupId": letter.group, "MessageDeduplicationId": f"replay-{letter.id}"}
        self._client.send_message(
            QueueUrl=url, MessageBody=letter.body, MessageAttributes=_sendable(letter.attributes), **fifo
        )

    def _show_again(self, url: str, letters: Sequence[Letter]) -> None:
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


def _not_found(grave: str, missing: Sequence[str], done: int) -> str:
    if not missing:
        return f"No message can be seen in {grave}."
    others = f" {done} others were found." if done else ""
    return (
        f"Not found in {grave}: {', '.join(missing)}.{others} Of a FIFO queue only the first {BATCH} of each group "
        f"can be seen, and what another reader holds comes back within {HIDDEN_SECONDS} seconds."
    )


def main(arguments: Sequence[str], letters: DeadLetters | None = None) -> int:
    """Do what the command line asks for; the exit status."""
    given = _parser().parse_args(arguments)
    found = letters or DeadLetters(boto3.client("sqs", region_name=os.environ.get("AWS_REGION")), given.prefix)
    try:
        for line in _lines(given, found):
            print(line)
    except NothingFound as nothing:
        print(nothing, file=sys.stderr)
        return 1
    return 0


def _lines(given: argparse.Namespace, letters: DeadLetters) -> Iterator[str]:
    if given.command == "list":
        yield from (f"{name:<16} {number:>6}  {letters.grave(name)}" for name, number in letters.waiting().items())
    elif given.command == "show":
        shown = letters.read(given.queue, given.limit)
        yield from (letter.text for letter in shown)
        yield f"{len(shown)} shown of {letters.grave(given.queue)}"
    elif given.command == "replay":
        yield f"{len(letters.replay(given.queue, given.id or ()))} replayed"
    else:
        yield f"{len(letters.drop(given.queue, given.id))} deleted"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m infra.dead_letters", description="Dead letters of a deployment.")
    parser.add_argument("--prefix", default=PREFIX, help="the deployment's Prefix")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="how many wait, in which queue")
    show = commands.add_parser("show", help="the first messages, which stay where they are")
    show.add_argument("queue", choices=[*names(), PARKED])
    show.add_argument("--limit", type=int, default=BATCH)
    replay = commands.add_parser("replay", help="back to their queue")
    replay.add_argument("queue", choices=list(names()))
    replay.add_argument("--id", action="append", help="only this message; may be given again")
    drop = commands.add_parser("drop", help="delete messages for good")
    drop.add_argument("queue", choices=[*names(), PARKED])
    drop.add_argument("--id", action="append", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

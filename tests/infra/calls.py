"""What AWS would be asked for: every call of the running world as the IAM permissions that it needs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.config import settings
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.security import keyring
from chalicelib.functions import queues as queue_functions
from chalicelib.functions import schedules, streams
from chalicelib.storage.aws import s3
from chalicelib.storage.aws import sqs as queue_storage
from chalicelib.storage.aws import websocket_api as socket_storage
from chalicelib.storage.aws.sqs import Message
from infra.bundles import ENGINE
from infra.functions import Function
from infra.names import STORED

Permission = tuple[str, str, str | None]
"""(action, setting of the resource, part of it)."""

SECRETS: Permission = ("ssm:GetParameter", "secrets_parameter", None)
ACCOUNTS: Permission = ("ssm:GetParameter", "secrets_parameter", "messengers")
MANAGE = "execute-api:ManageConnections"


def granted(function: Function) -> set[Permission]:
    """What the function's grants allow."""
    found = {
        (action, one.on, part) for one in function.grants for action in one.actions for part in one.parts or (None,)
    }
    return found | ({SECRETS} if function.secrets else set()) | ({ACCOUNTS} if function.accounts else set())


@dataclass
class Watch:
    """Collects the permissions that each function needs, by its name: `bundle.function`."""

    needed: dict[str, set[Permission]] = field(default_factory=lambda: defaultdict(set))
    _running: str | None = None

    @contextmanager
    def running(self, function: str) -> Iterator[None]:
        """Meanwhile this function is what runs; inside another one, the inner counts."""
        before, self._running = self._running, function
        # Each function is a process of its own, whose client knows no queue's URL yet.
        queue_storage.client()._urls.clear()
        try:
            yield
        finally:
            self._running = before

    def note(self, *permissions: Permission) -> None:
        if self._running is not None:
            self.needed[self._running] |= set(permissions)

    def attributed(self, function: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            with self.running(function):
                return call(*arguments, **named)

        return wrapped

    def queue(self, operation: str, queue: str) -> None:
        """A call that is about a queue, whose URL has to be asked for first."""
        self.note(*_permissions("SQS", operation, {"QueueUrl": queue}), ("sqs:GetQueueUrl", _setting(queue), None))


class WatchedQueues:
    """The world's queues, watched."""

    def __init__(self, watch: Watch, queues: Any) -> None:
        self._watch, self._queues = watch, queues

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        self._watch.queue("SendMessageBatch", queue)
        self._queues.send(queue, messages)

    def depth(self, queue: str) -> int:
        self._watch.queue("GetQueueAttributes", queue)
        return int(self._queues.depth(queue))


class WatchedSockets:
    """The world's connections, watched."""

    def __init__(self, watch: Watch, sockets: Any) -> None:
        self._watch, self._sockets = watch, sockets

    def post(self, connection_id: str, text: str) -> None:
        self._watch.note((MANAGE, "sockets_endpoint", "POST"))
        self._sockets.post(connection_id, text)

    def close(self, connection_id: str) -> None:
        self._watch.note((MANAGE, "sockets_endpoint", "DELETE"))
        self._sockets.close(connection_id)


def watch(world: Any, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watch the world's calls, each for the function under which it is made."""
    made = Watch()
    send = BaseClient._make_api_call

    def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        made.note(*_permissions(client.meta.service_model.service_id, operation, arguments))
        return send(client, operation, arguments)

    def read_keys() -> Any:
        made.note(SECRETS)
        return present()

    def link(*arguments: Any, **named: Any) -> str:
        # Whoever follows it does so with the leave of the function that signed it.
        made.note(("s3:GetObject", "payload_bucket", None))
        return sign(*arguments, **named)

    def accounts_of(org: str) -> Any:
        made.note(ACCOUNTS)
        return known(org)

    present, sign, known = keyring._keys, s3.presigned_url, provider_accounts.get_accounts
    monkeypatch.setattr(provider_accounts, "get_accounts", accounts_of)
    monkeypatch.setattr(s3, "presigned_url", link)
    monkeypatch.setattr(keyring, "_keys", read_keys)
    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    queue_storage.use_queues(WatchedQueues(made, world.queues))
    socket_storage.use_sockets(WatchedSockets(made, world.sockets))
    _attribute(made, monkeypatch)
    return made


def _attribute(made: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    relayed = streams.handle_changes
    monkeypatch.setattr(
        streams,
        "handle_changes",
        lambda event, table: made.attributed(f"{ENGINE.name}.relay_{table}", relayed)(event, table),
    )
    for module, handler, function in (
        (queue_functions, "handle_dispatch", "dispatch"),
        (queue_functions, "handle_handovers", "deliver"),
        (queue_functions, "handle_builtin_handovers", "perform"),
        (queue_functions, "handle_task_updates", "live"),
        (queue_functions, "handle_announcements", "announce"),
        (queue_functions, "handle_webhook_deliveries", "webhooks"),
        (queue_functions, "handle_notifications", "notifications"),
        (queue_functions, "handle_wakeups", "wakeups"),
        (queue_functions, "handle_sweep_parts", "sweep"),
        (schedules, "handle_sweep", "wake"),
        (schedules, "handle_gauges", "gauges"),
        (schedules, "handle_hourly_rollup", "rollup_hourly"),
        (schedules, "handle_daily_rollup", "rollup_daily"),
        (schedules, "handle_stuck_report", "tidy"),
    ):
        monkeypatch.setattr(module, handler, made.attributed(f"{ENGINE.name}.{function}", getattr(module, handler)))


def _setting(name: str) -> str:
    """The setting whose value is this physical name, or a URL that ends in it."""
    return next(setting for setting in STORED if getattr(settings(), setting) == name.rpartition("/")[2])


def _permissions(service: str, operation: str, arguments: dict[str, Any]) -> list[Permission]:
    if service == "DynamoDB":
        return _of_table_call(operation, arguments)
    action = f"{service.lower()}:{_ACTIONS.get(operation, operation.removesuffix('Batch'))}"
    name = arguments.get("QueueUrl") or arguments.get("QueueName") or arguments["Bucket"]
    return [(action, _setting(name), None)]


_ACTIONS = {"ListObjectsV2": "ListBucket", "DeleteObjects": "DeleteObject"}
"""S3's calls that are granted under another name."""


def _of_table_call(operation: str, arguments: dict[str, Any]) -> list[Permission]:
    if operation == "TransactWriteItems":
        writes = [next(iter(item.items())) for item in arguments["TransactItems"]]
        names = {"ConditionCheck": "ConditionCheckItem"}
        return [
            (f"dynamodb:{names.get(kind, kind + 'Item')}", _setting(write["TableName"]), None) for kind, write in writes
        ]
    if operation == "BatchGetItem":
        return [("dynamodb:BatchGetItem", _setting(table), None) for table in arguments["RequestItems"]]
    return [(f"dynamodb:{operation}", _setting(arguments["TableName"]), arguments.get("IndexName"))]

"""Record every call of the running world to AWS as the IAM permissions that it needs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.config import settings
from chalicelib.engine.accounts import github_sign_in
from chalicelib.engine.messaging import provider_accounts
from chalicelib.engine.models import catalogue
from chalicelib.engine.security import keyring
from chalicelib.functions import queues as queue_functions
from chalicelib.functions import schedules, streams
from chalicelib.storage.aws import s3
from chalicelib.storage.aws import sqs as queue_storage
from chalicelib.storage.aws import websocket_api as socket_storage
from chalicelib.storage.aws.sqs import Message
from infra.bundles import BUNDLES, ENGINE
from infra.functions import REKOGNITION, Function
from infra.names import STORED

Permission = tuple[str, str, str | None]
"""(action, setting of the resource, part of it)."""

SECRETS: Permission = ("ssm:GetParameter", "secrets_parameter", None)
ACCOUNTS: Permission = ("ssm:GetParameter", "secrets_parameter", "messengers")
MODELS: Permission = ("ssm:GetParameter", "secrets_parameter", "models")
GITHUB: Permission = ("ssm:GetParameter", "secrets_parameter", "github")
MANAGE = "execute-api:ManageConnections"


def granted_permissions(function: Function) -> set[Permission]:
    """The permissions in the function's grants."""
    permissions = {
        (action, one.on, part) for one in function.grants for action in one.actions for part in one.parts or (None,)
    }
    permissions |= {SECRETS} if function.secrets else set()
    permissions |= {ACCOUNTS} if function.accounts else set()
    permissions |= {GITHUB} if function.github else set()
    return permissions | ({MODELS} if function.models else set())


@dataclass
class Watch:
    """Collects the permissions that each function needs, by its name `bundle.function`."""

    needed: dict[str, set[Permission]] = field(default_factory=lambda: defaultdict(set))
    _running: str | None = None

    @contextmanager
    def running(self, function: str) -> Iterator[None]:
        """Attribute the calls within the block to this function; nested blocks count for the inner function."""
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

    def attribute(self, function: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            with self.running(function):
                return call(*arguments, **named)

        return wrapped

    def queue(self, operation: str, queue: str) -> None:
        """A call about a queue, whose URL must be read first."""
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
    """The world's WebSockets, watched."""

    def __init__(self, watch: Watch, sockets: Any) -> None:
        self._watch, self._sockets = watch, sockets

    def post(self, connection_id: str, text: str) -> None:
        self._watch.note((MANAGE, "sockets_endpoint", "POST"))
        self._sockets.post(connection_id, text)

    def close(self, connection_id: str) -> None:
        self._watch.note((MANAGE, "sockets_endpoint", "DELETE"))
        self._sockets.close(connection_id)


def watch(world: Any, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watch the world's calls, and attribute each to the function that makes it."""
    watch = Watch()
    send = BaseClient._make_api_call

    def call(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        watch.note(*_permissions(client.meta.service_model.service_id, operation, arguments))
        return send(client, operation, arguments)

    def read_keys() -> Any:
        watch.note(SECRETS)
        return present()

    def link(*arguments: Any, **named: Any) -> str:
        # Who follows the link has the permissions of the function that signed it.
        watch.note(("s3:GetObject", "payload_bucket", None))
        return sign(*arguments, **named)

    def accounts_of(org: str) -> Any:
        watch.note(ACCOUNTS)
        return get_accounts(org)

    def models_of(org: str) -> Any:
        watch.note(MODELS)
        return providers(org)

    def app() -> Any:
        watch.note(GITHUB)
        return get_app()

    get_app = github_sign_in.get_app
    monkeypatch.setattr(github_sign_in, "get_app", app)
    present, sign, get_accounts = keyring._keys, s3.presigned_url, provider_accounts.get_accounts
    providers = catalogue.get_providers
    monkeypatch.setattr(catalogue, "get_providers", models_of)
    monkeypatch.setattr(provider_accounts, "get_accounts", accounts_of)
    monkeypatch.setattr(s3, "presigned_url", link)
    monkeypatch.setattr(keyring, "_keys", read_keys)
    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    queue_storage.use_queues(WatchedQueues(watch, world.queues))
    socket_storage.use_sockets(WatchedSockets(watch, world.sockets))
    _attribute(watch, monkeypatch)
    return watch


def _attribute(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    relayed = streams.handle_changes
    monkeypatch.setattr(
        streams,
        "handle_changes",
        lambda event, table: watch.attribute(f"{ENGINE.name}.relay_{table}", relayed)(event, table),
    )
    function_names = {
        function.name: f"{bundle.name}.{function.name}" for bundle in BUNDLES for function in bundle.functions
    }
    for module, handler, function in (
        (queue_functions, "handle_dispatch", "dispatch"),
        (queue_functions, "handle_handovers", "deliver"),
        (queue_functions, "handle_builtin_handovers", "perform"),
        (queue_functions, "handle_recognition_handovers", "recognize"),
        (queue_functions, "handle_model_calls", "models"),
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
        name = function_names[function]
        monkeypatch.setattr(module, handler, watch.attribute(name, getattr(module, handler)))


def _setting(name: str) -> str:
    """The setting whose value is this physical name, or a URL that ends with it."""
    return next(setting for setting in STORED if getattr(settings(), setting) == name.rpartition("/")[2])


def _permissions(service: str, operation: str, arguments: dict[str, Any]) -> list[Permission]:
    if service == "DynamoDB":
        return _of_table_call(operation, arguments)
    if service == "Rekognition":
        return [(f"rekognition:{operation}", REKOGNITION, None)]
    if service == "Bedrock Runtime":
        return [("bedrock:InvokeModelWithResponseStream", "bedrock", None)]
    action = f"{service.lower()}:{_ACTIONS.get(operation, operation.removesuffix('Batch'))}"
    name = arguments.get("QueueUrl") or arguments.get("QueueName") or arguments["Bucket"]
    return [(action, _setting(name), None)]


_ACTIONS = {"ListObjectsV2": "ListBucket", "DeleteObjects": "DeleteObject"}
"""Calls of S3 that are granted under another name."""


def _of_table_call(operation: str, arguments: dict[str, Any]) -> list[Permission]:
    if operation == "TransactWriteItems":
        writes = [next(iter(item.items())) for item in arguments["TransactItems"]]
        names = {"ConditionCheck": "ConditionCheckItem"}
        return [
            (f"dynamodb:{names.get(kind, kind + 'Item')}", _setting(write["TableName"]), None) for kind, write in writes
        ]
    if operation == "TransactGetItems":
        return [("dynamodb:GetItem", _setting(item["Get"]["TableName"]), None) for item in arguments["TransactItems"]]
    if operation == "BatchGetItem":
        return [("dynamodb:BatchGetItem", _setting(table), None) for table in arguments["RequestItems"]]
    return [(f"dynamodb:{operation}", _setting(arguments["TableName"]), arguments.get("IndexName"))]

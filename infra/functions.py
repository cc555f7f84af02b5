"""The words in which infra/bundles.py says what runs: bundles, functions, what starts them and what they may touch."""

from dataclasses import dataclass

LISTING = "s3:ListBucket"


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to call `actions` on what the setting `on` names, or on `parts` of it alone: a table's indexes, or the HTTP
    methods by which connections are managed."""

    on: str
    actions: tuple[str, ...]
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """Started by the changes of a table."""

    table: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Started by the messages of a queue."""

    queue: str
    batch: int = 10
    concurrency: int = 10
    """How many invocations the mapping may have running at once, 2-1000."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Started by the clock; when is said where the function is, in app.py."""

    retried: bool
    """Whether a failed run is tried again before its next turn."""


@dataclass(frozen=True, slots=True)
class Socket:
    """Started by what happens on the bundle's WebSocket API: clients connect, say something or disconnect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One Lambda function. `timeout` in seconds; `memory` in MB, and a vCPU is 1769 of them."""

    name: str
    timeout: int
    memory: int
    trigger: Stream | Queue | Schedule | Socket | None = None
    grants: tuple[Grant, ...] = ()
    secrets: bool = False
    """Whether it reads the SSM parameter with the deployment's keys."""
    accounts: bool = False
    """Whether it reads the SSM parameters with the orgs' accounts with messengers."""
    reserve: int = 0
    """Concurrency to be reserved for a function that no queue's mapping limits; 0 for none."""

    @property
    def reserved(self) -> int:
        """The concurrency that a deployment may reserve for it: all that its queue's mapping can use, so that the
        reservation never holds up what the mapping lets through."""
        return self.trigger.concurrency if isinstance(self.trigger, Queue) else self.reserve

    @property
    def chalice_name(self) -> str:
        """What Chalice calls it, in its configuration and in what it generates."""
        return f"websocket_{self.name}" if isinstance(self.trigger, Socket) else self.name


@dataclass(frozen=True, slots=True)
class Bundle:
    """One deployment of the code. An HTTP bundle has an API Gateway of its own."""

    name: str
    functions: tuple[Function, ...]
    http: bool = True
    reads: tuple[str, ...] = ()
    """Settings that only some bundles are given: `api_urls`, `sockets_url`, `sockets_endpoint`."""

    @property
    def sockets(self) -> bool:
        """Whether it has a WebSocket API of its own."""
        return any(isinstance(function.trigger, Socket) for function in self.functions)


def table(name: str, *actions: str) -> Grant:
    return Grant(f"{name}_table", tuple(f"dynamodb:{action}" for action in actions))


def indexes(name: str, *index: str) -> Grant:
    return Grant(f"{name}_table", ("dynamodb:Query",), index)


def payloads(*actions: str) -> Grant:
    return Grant("payload_bucket", tuple(f"s3:{action}" for action in actions))


def listing() -> Grant:
    """To list what the payload bucket holds, which AWS grants on the bucket itself."""
    return Grant("payload_bucket", (LISTING,))


def send(*names: str) -> tuple[Grant, ...]:
    return tuple(Grant(f"{name}_queue", ("sqs:SendMessage", "sqs:GetQueueUrl")) for name in names)


def measure(*names: str) -> tuple[Grant, ...]:
    """To ask queues how much waits in them."""
    return tuple(Grant(f"{name}_queue", ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")) for name in names)


def connections(*methods: str) -> Grant:
    """To post to open WebSockets by POST, to end them by DELETE."""
    return Grant("sockets_endpoint", ("execute-api:ManageConnections",), methods)


def take(name: str) -> Grant:
    return Grant(f"{name}_queue", ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl"))


CONSUME = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What Lambda does with the queue that starts a function."""

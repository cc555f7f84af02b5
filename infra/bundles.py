"""What runs in AWS: every bundle, its functions, what starts each of them and what each may touch.

The one declared table. `.chalice/config.json`, the IAM policies, the event-source mappings, the visibility timeouts and
the alarms are all made from it. To add a bundle, declare it here, name it in BUNDLES and run `make stages`.

No function reserves concurrency: a young account has too little of it to give away and would refuse the deployment.
What must be bounded is bounded at its source, by MaximumConcurrency of a queue's mapping and by the API's throttle.
"""

from dataclasses import dataclass


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


def payloads() -> Grant:
    return Grant("payload_bucket", ("s3:GetObject", "s3:PutObject"))


def send(*names: str) -> tuple[Grant, ...]:
    return tuple(Grant(f"{name}_queue", ("sqs:SendMessage", "sqs:GetQueueUrl")) for name in names)


def connections(*methods: str) -> Grant:
    """To post to open WebSockets by POST, to end them by DELETE."""
    return Grant("sockets_endpoint", ("execute-api:ManageConnections",), methods)


def take(name: str) -> Grant:
    return Grant(f"{name}_queue", ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl"))


CONSUME = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What Lambda does with the queue that starts a function."""


def api_handler(*grants: Grant) -> Function:
    """The function behind an API: 29 s is all that API Gateway waits.

    512 MB, because a request is a little Python between two network calls: more would buy idle CPU, and less would
    stretch the import of pydantic and botocore on the first request and come near the 150 MB that they fill.
    """
    return Function(name="api_handler", timeout=29, memory=512, secrets=True, grants=grants)


# The relay writes by transactions, which need leave for each kind of write in them.
RECORD = (table("events", "PutItem"), table("stats", "UpdateItem"))

# What settling one due task or worker takes; a worker may be probed, with its sealed key or over its connection,
# and the counters of one that has left stay with its pool.
SETTLE = (
    table("tasks", "GetItem", "UpdateItem"),
    table("workers", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
    table("access", "DeleteItem"),
    table("connections", "DeleteItem"),
    connections("POST", "DELETE"),
)

DUE = (indexes("tasks", "wake"), indexes("workers", "wake"))

RECOUNT = (table("events", "Query"), indexes("stats", "hour"))

PROCESSING = Bundle(
    "processing",
    (
        api_handler(
            table("tasks", "GetItem", "PutItem", "UpdateItem"),
            table("workers", "GetItem", "Query", "PutItem", "UpdateItem"),
            table("stats", "GetItem", "Query"),
            table("access", "GetItem", "PutItem", "UpdateItem"),
            payloads(),
        ),
    ),
)

COORDINATOR = Bundle(
    "coordinator",
    (
        api_handler(
            table("tasks", "BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
            indexes("tasks", "age", "phase", "place"),
            table("workers", "GetItem", "Query", "PutItem", "UpdateItem"),
            table("stats", "GetItem"),
            table("access", "UpdateItem"),
            payloads(),
        ),
    ),
)

SUPPORT = Bundle(
    "support",
    (
        api_handler(
            table("tasks", "GetItem", "PutItem"),
            indexes("tasks", "place"),
            table("workers", "GetItem", "Query", "PutItem", "UpdateItem"),
            # Figures are read, and the API's own requests counted.
            table("stats", "BatchGetItem", "Query", "UpdateItem"),
            table("access", "UpdateItem"),
            # Results alone: what a client sends stays with its task.
            Grant("payload_bucket", ("s3:GetObject",)),
        ),
    ),
    reads=("sockets_url",),
)


def relay(source: str, *queues: str) -> Function:
    """The relay of a table's changes. What it cannot carry out it parks; Lambda does so when it fails altogether."""
    return Function(
        name=f"relay_{source}",
        timeout=60,
        memory=512,
        trigger=Stream(f"{source}_table"),
        grants=(*RECORD, *send(*queues, "parked")),
    )


ENGINE = Bundle(
    "engine",
    (
        relay("tasks", "dispatch", "deliver", "perform", "wakeups", "live"),
        relay("workers", "dispatch", "deliver", "wakeups"),
        Function(
            name="dispatch",
            timeout=30,
            memory=512,
            trigger=Queue("dispatch_queue", concurrency=20),
            grants=(
                table("tasks", "BatchGetItem", "UpdateItem"),
                indexes("tasks", "place"),
                table("workers", "Query", "PutItem", "UpdateItem"),
            ),
        ),
        # Sentiment is all that is performed as yet: a little computing, no waiting.
        Function(
            name="perform",
            timeout=60,
            memory=512,
            trigger=Queue("perform_queue", concurrency=20),
            grants=(
                table("tasks", "BatchGetItem", "GetItem", "UpdateItem"),
                table("workers", "UpdateItem"),
            ),
        ),
        Function(
            name="live",
            timeout=60,
            memory=512,
            trigger=Queue("live_queue", concurrency=50),
            grants=(
                table("connections", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
                connections("POST"),
            ),
        ),
        # One batch is handed over side by side, so that the slowest worker's answer must fit, not the sum of them.
        Function(
            name="deliver",
            timeout=90,
            memory=512,
            trigger=Queue("deliver_queue", concurrency=50),
            secrets=True,
            grants=(
                table("tasks", "BatchGetItem", "GetItem", "UpdateItem"),
                table("workers", "BatchGetItem", "GetItem", "UpdateItem"),
                table("connections", "DeleteItem"),
                payloads(),
                connections("POST"),
            ),
        ),
        Function(name="wakeups", timeout=60, memory=256, trigger=Queue("wakeups_queue"), secrets=True, grants=SETTLE),
        Function(
            name="wake",
            timeout=60,
            memory=256,
            # The next minute's run does what a failed one left.
            trigger=Schedule(retried=False),
            secrets=True,
            # It relays parked changes, too.
            grants=(*DUE, *SETTLE, *RECORD, *send("dispatch", "deliver", "perform", "wakeups", "live"), take("parked")),
        ),
        Function(
            name="rollup_hourly",
            timeout=300,
            memory=512,
            trigger=Schedule(retried=True),
            grants=(*RECOUNT, table("stats", "GetItem", "UpdateItem")),
        ),
        Function(
            name="rollup_daily",
            timeout=300,
            memory=512,
            trigger=Schedule(retried=True),
            grants=(*RECOUNT, table("stats", "GetItem", "Query", "UpdateItem")),
        ),
        Function(name="tidy", timeout=300, memory=256, trigger=Schedule(retried=True), grants=DUE),
    ),
    http=False,
    reads=("api_urls", "sockets_endpoint"),
)

LIVE = Bundle(
    "live",
    (
        Function(
            name="connect",
            timeout=29,
            memory=512,
            trigger=Socket(),
            secrets=True,
            grants=(
                table("connections", "GetItem", "PutItem", "UpdateItem"),
                table("workers", "GetItem", "UpdateItem"),
                connections("POST", "DELETE"),
                *send("live"),
            ),
        ),
        Function(
            name="message",
            timeout=29,
            memory=512,
            trigger=Socket(),
            grants=(
                table("connections", "GetItem"),
                table("tasks", "GetItem", "UpdateItem"),
                table("workers", "GetItem", "UpdateItem"),
                Grant("payload_bucket", ("s3:PutObject",)),
                connections("POST", "DELETE"),
            ),
        ),
        Function(
            name="disconnect",
            timeout=29,
            memory=512,
            trigger=Socket(),
            grants=(table("connections", "GetItem", "DeleteItem"), table("workers", "GetItem", "UpdateItem")),
        ),
    ),
    http=False,
    reads=("sockets_endpoint",),
)

BUNDLES = (PROCESSING, COORDINATOR, SUPPORT, LIVE, ENGINE)


def consumers() -> dict[str, Function]:
    """Setting of a queue -> the function that its messages start."""
    functions = (function for bundle in BUNDLES for function in bundle.functions)
    return {function.trigger.queue: function for function in functions if isinstance(function.trigger, Queue)}

"""The types that infra/bundles.py declares bundles with: functions, what starts them and what they may access."""

from dataclasses import dataclass

LISTING = "s3:ListBucket"
REKOGNITION = "rekognition"


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to call `actions` on the resource that the setting `on` names, or only on `parts` of it: a table's
    indexes, or the HTTP methods that manage connections."""

    on: str
    actions: tuple[str, ...]
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """The changes of a table start the function."""

    table: str


@dataclass(frozen=True, slots=True)
class Queue:
    """The messages of a queue start the function."""

    queue: str
    batch: int = 10
    concurrency: int = 10
    """How many invocations the mapping may have running at once, 2-1000."""
    reserves: bool = True
    """Whether the function reserves this concurrency, if the deployment reserves any."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule starts the function. It is declared at the function in app.py."""

    retried: bool
    """Whether a failed run is retried before the next scheduled run."""


@dataclass(frozen=True, slots=True)
class Socket:
    """The bundle's WebSocket API starts the function: a client connects, sends a frame or disconnects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One Lambda function. `timeout` is in seconds, `memory` in MB; 1769 MB bring one vCPU."""

    name: str
    timeout: int
    memory: int
    trigger: Stream | Queue | Schedule | Socket | None = None
    grants: tuple[Grant, ...] = ()
    secrets: bool = False
    """Whether it reads the SSM parameter with the deployment's keys."""
    accounts: bool = False
    """Whether it reads the SSM parameters with the orgs' messenger accounts."""
    models: bool = False
    """Whether it reads the SSM parameters with the providers of language models and the orgs' keys."""
    github: bool = False
    """Whether it reads the SSM parameter with the secret of the OAuth app for GitHub."""
    reserve: int = 0
    """Concurrency to reserve for a function that no queue mapping limits; 0 for none."""

    @property
    def reserved(self) -> int:
        """The concurrency that a deployment may reserve for it: the maximum of its queue's mapping, so that the
        reservation never throttles the mapping."""
        if isinstance(self.trigger, Queue):
            return self.trigger.concurrency if self.trigger.reserves else 0
        return self.reserve

    @property
    def chalice_name(self) -> str:
        """Chalice's name for it, in the configuration and in generated templates."""
        return f"websocket_{self.name}" if isinstance(self.trigger, Socket) else self.name


@dataclass(frozen=True, slots=True)
class Bundle:
    """One deployment of the code. An HTTP bundle has an API Gateway of its own."""

    name: str
    functions: tuple[Function, ...]
    http: bool = True
    reads: tuple[str, ...] = ()
    """Settings that only some bundles are given: `api_urls`, `sockets_url`, `sockets_endpoint`, `cms_org`,
    `github_client_id`."""
    extras: tuple[str, ...] = ()
    """Extras whose packages are in its archive: the files `requirements-<extra>.txt`."""
    has_image: bool = False
    """Whether it can be deployed as a container image, too, with libraries that are too large for an archive."""

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


def list_payloads() -> Grant:
    """List the objects of the payload bucket, which AWS grants on the bucket itself."""
    return Grant("payload_bucket", (LISTING,))


def send(*names: str) -> tuple[Grant, ...]:
    return tuple(Grant(f"{name}_queue", ("sqs:SendMessage", "sqs:GetQueueUrl")) for name in names)


def measure(*names: str) -> tuple[Grant, ...]:
    """Read how many messages wait in queues."""
    return tuple(Grant(f"{name}_queue", ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")) for name in names)


def rekognition(*actions: str) -> Grant:
    """Call Amazon Rekognition. Its calls for images take no resource."""
    return Grant(REKOGNITION, tuple(f"rekognition:{action}" for action in actions))


def connections(*methods: str) -> Grant:
    """Send to open WebSockets with POST, close them with DELETE."""
    return Grant("sockets_endpoint", ("execute-api:ManageConnections",), methods)


def call_models() -> Grant:
    """Call language models of Amazon Bedrock in any region, also by inference profiles of this account."""
    return Grant("bedrock", ("bedrock:InvokeModelWithResponseStream",))


def receive(name: str) -> Grant:
    return Grant(f"{name}_queue", ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl"))


CONSUME = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What Lambda needs on the queue that starts a function."""

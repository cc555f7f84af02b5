"""What runs in AWS: every bundle, its functions, what starts each of them and what each may touch.

The one declared table. `.chalice/config.json`, the IAM policies, the event-source mappings, the visibility timeouts and
the alarms are all made from it. To add a bundle, declare it here, name it in BUNDLES and run `make stages`. The
engine's many functions have a file of their own.

What must be bounded is bounded at its source, by MaximumConcurrency of a queue's mapping and by the API's throttle. The
engine's functions reserve concurrency only where the deployment asks for it: a young account has too little of it to
give away and would refuse the deployment.
"""

from infra.engine import ENGINE, RECOVER
from infra.functions import (
    Bundle,
    Function,
    Grant,
    Queue,
    Socket,
    connections,
    indexes,
    measure,
    payloads,
    send,
    table,
)


def api_handler(*grants: Grant, accounts: bool = False) -> Function:
    """The function behind an API: 29 s is all that API Gateway waits.

    512 MB, because a request is a little Python between two network calls: more would buy idle CPU, and less would
    stretch the import of pydantic and botocore on the first request and come near the 150 MB that they fill.
    """
    return Function(name="api_handler", timeout=29, memory=512, secrets=True, accounts=accounts, grants=grants)


PROCESSING = Bundle(
    "processing",
    (
        api_handler(
            table("tasks", "GetItem", "PutItem", "UpdateItem"),
            indexes("tasks", "phase"),
            table("workers", "GetItem", "Query", "PutItem", "UpdateItem"),
            table("stats", "GetItem", "Query"),
            table("access", "GetItem", "PutItem", "UpdateItem"),
            payloads("GetObject", "PutObject"),
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
            payloads("GetObject", "PutObject"),
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
            payloads("GetObject"),
        ),
    ),
    reads=("sockets_url",),
)


MESSENGER = Bundle(
    "messenger",
    (
        api_handler(
            # A tally is counted where messages are sent.
            table("deliveries", "BatchGetItem", "GetItem", "Query", "PutItem"),
            indexes("deliveries", "wake"),
            table("access", "UpdateItem"),
            *send("notifications"),
            *measure("notifications"),
            accounts=True,
        ),
    ),
)

SURVEYS = Bundle(
    "surveys",
    (
        api_handler(
            # A session is a task of the coordinator's, held by one of its workers.
            table("tasks", "BatchGetItem", "PutItem"),
            table("workers", "Query"),
            table("stats", "BatchGetItem"),
            table("access", "UpdateItem"),
        ),
    ),
)

PROJECTS = Bundle(
    "projects",
    (
        api_handler(
            table("tasks", "BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            table("workers", "BatchGetItem", "ConditionCheckItem", "GetItem", "Query", "PutItem", "UpdateItem"),
            table(
                "documents",
                "BatchGetItem",
                "ConditionCheckItem",
                "GetItem",
                "Query",
                "PutItem",
                "DeleteItem",
            ),
            table("access", "BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            table("listings", "BatchGetItem", "Query"),
            # Figures and the log are read, and the API's own requests counted; its health is asked of what it needs.
            table("stats", "BatchGetItem", "Query", "UpdateItem"),
            table("events", "Query"),
            *measure("dispatch"),
            # A test is posted at once, and judged as any delivery is.
            table("deliveries", "GetItem", "Query", "UpdateItem", "DeleteItem"),
            *RECOVER,
            payloads("GetObject", "PutObject", "DeleteObject"),
        ),
    ),
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
                # People of the projects API come with a session or a key of their own.
                table("access", "BatchGetItem", "UpdateItem"),
                table("documents", "BatchGetItem", "GetItem"),
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
                # To subscribe takes leave, which is asked for again each time.
                table("connections", "GetItem", "Query", "PutItem", "DeleteItem"),
                table("access", "BatchGetItem"),
                table("documents", "BatchGetItem", "GetItem"),
                *send("announce"),
                table("tasks", "GetItem", "UpdateItem"),
                table("workers", "GetItem", "UpdateItem"),
                payloads("PutObject"),
                connections("POST", "DELETE"),
            ),
        ),
        Function(
            name="disconnect",
            timeout=29,
            memory=512,
            trigger=Socket(),
            grants=(table("connections", "GetItem", "Query", "DeleteItem"), table("workers", "GetItem", "UpdateItem")),
        ),
    ),
    http=False,
    reads=("sockets_endpoint",),
)

BUNDLES = (PROCESSING, COORDINATOR, SUPPORT, MESSENGER, SURVEYS, PROJECTS, LIVE, ENGINE)


def consumers() -> dict[str, Function]:
    """Setting of a queue -> the function that its messages start."""
    functions = (function for bundle in BUNDLES for function in bundle.functions)
    return {function.trigger.queue: function for function in functions if isinstance(function.trigger, Queue)}

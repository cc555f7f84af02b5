"""What runs in AWS: every bundle, its functions, what starts each of them and what each may touch.

The one declared table. `.chalice/config.json`, the IAM policies, the event-source mappings, the visibility timeouts and
the alarms are all made from it. To add a bundle, declare it here, name it in BUNDLES and run `make stages`.

No function reserves concurrency: a young account has too little of it to give away and would refuse the deployment.
What must be bounded is bounded at its source, by MaximumConcurrency of a queue's mapping and by the API's throttle.
"""

from infra.functions import (
    Bundle,
    Function,
    Grant,
    Queue,
    Schedule,
    Socket,
    Stream,
    connections,
    indexes,
    listing,
    measure,
    payloads,
    send,
    table,
    take,
)


def api_handler(*grants: Grant, accounts: bool = False) -> Function:
    """The function behind an API: 29 s is all that API Gateway waits.

    512 MB, because a request is a little Python between two network calls: more would buy idle CPU, and less would
    stretch the import of pydantic and botocore on the first request and come near the 150 MB that they fill.
    """
    return Function(name="api_handler", timeout=29, memory=512, secrets=True, accounts=accounts, grants=grants)


# The relay writes by transactions, which need leave for each kind of write in them.
RECORD = (table("events", "PutItem"), table("stats", "UpdateItem"))
# The lists of what people manage, and the histories of its tasks.
FILE = (table("listings", "PutItem", "UpdateItem", "DeleteItem"),)

# What settling one due task or worker takes; a worker may be probed, with its sealed key or over its connection,
# and the counters of one that has left stay with its pool.
SETTLE = (
    table("tasks", "GetItem", "UpdateItem"),
    table("workers", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
    table("access", "DeleteItem"),
    table("connections", "DeleteItem"),
    connections("POST", "DELETE"),
)

# Chores clear up behind what was deleted: a project's tasks, and what hung on a task: documents, files and large
# payloads; their counts as above.
CLEAR = (
    table("tasks", "BatchGetItem", "DeleteItem"),
    table("documents", "BatchGetItem", "GetItem", "Query", "PutItem", "DeleteItem"),
    table("listings", "BatchGetItem", "Query", "DeleteItem"),
    payloads("DeleteObject"),
    listing(),
)

DUE = (indexes("tasks", "wake"), indexes("workers", "wake"))

# What was given up of a webhook's deliveries is tried again, if need be in the background.
RECOVER = (
    table("deliveries", "BatchGetItem", "PutItem"),
    indexes("deliveries", "failed"),
    *send("webhooks"),
)

# Those who watch are told over their connections, in order; one that is gone is forgotten.
WATCHED = (
    table("connections", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
    connections("POST"),
)

RECOUNT = (table("events", "Query"), indexes("stats", "hour"))

PROCESSING = Bundle(
    "processing",
    (
        api_handler(
            table("tasks", "GetItem", "PutItem", "UpdateItem"),
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


def relay(source: str, *queues: str, also: tuple[Grant, ...] = ()) -> Function:
    """The relay of a table's changes. What it cannot carry out it parks; Lambda does so when it fails altogether."""
    return Function(
        name=f"relay_{source}",
        timeout=60,
        memory=512,
        trigger=Stream(f"{source}_table"),
        grants=(*also, *send(*queues, "parked")),
    )


ENGINE = Bundle(
    "engine",
    (
        relay("tasks", "dispatch", "deliver", "perform", "wakeups", "live", "announce", also=(*RECORD, *FILE)),
        relay("workers", "dispatch", "deliver", "wakeups", "announce", also=RECORD),
        relay("documents", "wakeups", "announce"),
        Function(
            name="dispatch",
            timeout=30,
            memory=512,
            trigger=Queue("dispatch_queue", concurrency=20),
            grants=(
                table("tasks", "BatchGetItem", "UpdateItem"),
                indexes("tasks", "place"),
                # Keys of permits that nobody uses are forgotten.
                table("workers", "Query", "PutItem", "UpdateItem", "DeleteItem"),
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
            grants=WATCHED,
        ),
        Function(
            name="announce",
            timeout=60,
            memory=512,
            trigger=Queue("announce_queue", concurrency=50),
            grants=(
                table("tasks", "BatchGetItem"),
                table("workers", "BatchGetItem"),
                table("stats", "BatchGetItem"),
                table("listings", "BatchGetItem"),
                table("documents", "BatchGetItem", "GetItem", "Query", "PutItem"),
                table("deliveries", "BatchGetItem", "PutItem"),
                # Subscribers are told, if they still may be; else they are cut off.
                table("access", "BatchGetItem"),
                *WATCHED,
                connections("DELETE"),
                *send("webhooks"),
            ),
        ),
        Function(
            name="webhooks",
            timeout=60,
            memory=512,
            trigger=Queue("webhooks_queue", concurrency=100),
            secrets=True,
            grants=(
                table("documents", "BatchGetItem", "GetItem", "PutItem"),
                table("deliveries", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"),
                *send("wakeups"),
            ),
        ),
        Function(
            name="notifications",
            timeout=60,
            memory=512,
            trigger=Queue("notifications_queue", concurrency=50),
            accounts=True,
            grants=(
                table("deliveries", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"),
                *send("wakeups"),
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
                payloads("GetObject", "PutObject"),
                connections("POST"),
            ),
        ),
        Function(
            name="wakeups",
            timeout=60,
            memory=256,
            trigger=Queue("wakeups_queue"),
            secrets=True,
            # People are told how a task ended.
            accounts=True,
            grants=(*SETTLE, *CLEAR, *RECOVER, table("deliveries", "GetItem"), *send("notifications")),
        ),
        Function(
            name="wake",
            timeout=60,
            memory=256,
            # The next minute's run does what a failed one left.
            trigger=Schedule(retried=False),
            secrets=True,
            accounts=True,
            # It relays parked changes, too.
            grants=(
                *DUE,
                *SETTLE,
                *CLEAR,
                *RECORD,
                *FILE,
                *RECOVER,
                table("deliveries", "GetItem", "UpdateItem"),
                indexes("deliveries", "wake"),
                *send("dispatch", "deliver", "perform", "wakeups", "live", "announce", "notifications"),
                take("parked"),
            ),
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

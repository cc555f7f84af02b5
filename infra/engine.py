"""The engine's functions: what follows from every change, and what time brings (see infra/bundles.py)."""

from infra.functions import (
    Bundle,
    Function,
    Grant,
    Queue,
    Schedule,
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
SWEPT = (*DUE, indexes("deliveries", "wake"))

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


RELAYS = 20
"""Of one table at once: one for each shard of its stream, and a shard bears a thousand writes a second."""


def relay(source: str, *queues: str, also: tuple[Grant, ...] = ()) -> Function:
    """The relay of a table's changes. What it cannot carry out it parks; Lambda does so when it fails altogether."""
    return Function(
        name=f"relay_{source}",
        timeout=60,
        memory=512,
        trigger=Stream(f"{source}_table"),
        reserve=RELAYS,
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
            # One message each, so that a receiver that does not answer holds nothing but its own lanes: an organisation
            # with fifty such webhooks holds 200 functions, until they are known for it.
            trigger=Queue("webhooks_queue", batch=1, concurrency=250),
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
            trigger=Queue("notifications_queue", batch=1, concurrency=50),
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
                # How many servers without a completion an org may keep waiting.
                table("access", "UpdateItem"),
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
        # It looks where anything is due; the sweep does it.
        Function(
            name="wake",
            timeout=30,
            memory=256,
            # The next minute's run does what a failed one left.
            trigger=Schedule(retried=False),
            reserve=2,
            grants=(*SWEPT, table("documents", "Query"), *measure("parked"), *send("sweeps")),
        ),
        # Each part of a sweep in a run of its own, so that none holds up another.
        Function(
            name="sweep",
            timeout=60,
            memory=512,
            trigger=Queue("sweeps_queue", batch=1, concurrency=20),
            secrets=True,
            accounts=True,
            # It relays parked changes, too.
            grants=(
                *SWEPT,
                *SETTLE,
                *CLEAR,
                *RECORD,
                *FILE,
                *RECOVER,
                table("tasks", "BatchGetItem"),
                table("deliveries", "GetItem", "UpdateItem"),
                *send("dispatch", "deliver", "perform", "wakeups", "live", "announce", "notifications"),
                take("parked"),
            ),
        ),
        Function(
            name="gauges",
            timeout=60,
            memory=256,
            # The next five minutes' run measures anew.
            trigger=Schedule(retried=False),
            grants=(indexes("stats", "hour"), table("stats", "BatchGetItem")),
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

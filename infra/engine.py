"""The engine's functions: they carry out the effects of changes, and what is due (see infra/bundles.py)."""

from infra.functions import (
    Bundle,
    Function,
    Grant,
    Queue,
    Schedule,
    Stream,
    call_models,
    connections,
    indexes,
    list_payloads,
    measure,
    payloads,
    receive,
    send,
    table,
)

# The relay writes in transactions, which need a grant for each kind of write in them.
RECORD = (table("events", "PutItem"), table("stats", "UpdateItem"))
# The search index of managed pools, and the histories of their tasks.
INDEX = (table("listings", "PutItem", "UpdateItem", "DeleteItem"),)

# To handle one due task or worker. A worker may be probed, with its sealed key or over its connection. The counters of
# a worker that was removed stay with its pool.
HANDLE_DUE = (
    table("tasks", "GetItem", "UpdateItem"),
    table("workers", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
    table("access", "DeleteItem"),
    table("connections", "DeleteItem"),
    connections("POST", "DELETE"),
)

# Background jobs delete what belonged to a deleted item: a project's tasks, and a task's documents, files and large
# payloads, with their index entries.
CLEAN_UP = (
    table("tasks", "BatchGetItem", "DeleteItem"),
    table("documents", "BatchGetItem", "GetItem", "Query", "PutItem", "DeleteItem"),
    table("listings", "BatchGetItem", "Query", "DeleteItem"),
    payloads("DeleteObject"),
    list_payloads(),
)

# Background jobs join packs of a workspace, and delete objects that no longer belong to it.
REPACK = (
    table("workspaces", "GetItem", "Query", "PutItem"),
    table("documents", "PutItem"),
    payloads("GetObject", "PutObject"),
)

# A model answers messages of conversations: a background job submits the task, whose result is added when it has ended.
# Another one deletes the messages of a deleted conversation.
ANSWER_MESSAGES = (
    table("conversations", "BatchGetItem", "GetItem", "Query", "PutItem", "DeleteItem"),
    table("tasks", "PutItem"),
    payloads("GetObject"),
)

# The next step of a workflow is submitted if its execution is as it was read.
CARRY_ON = (table("tasks", "ConditionCheckItem", "PutItem"),)

# Background jobs publish approved contents, and count them.
PUBLISH = (
    table("contents", "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
    table("stats", "UpdateItem"),
)

DUE = (indexes("tasks", "wake"), indexes("workers", "wake"))
DUE_ANYWHERE = (*DUE, indexes("deliveries", "wake"))

# A webhook's deliveries that were given up are queued again, if necessary by a background job.
REDELIVER = (
    table("deliveries", "BatchGetItem", "PutItem"),
    indexes("deliveries", "failed"),
    *send("webhooks"),
)

# Watchers get updates over their connections, in order; a connection that has ended is deleted.
SEND_TO_WATCHERS = (
    table("connections", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
    connections("POST"),
)

RECOUNT = (table("events", "Query"), indexes("stats", "hour"))


RELAYS = 20
"""Concurrent runs of one table's relay: one for each shard of its stream. A shard carries 1,000 writes a second."""


def relay(source: str, *queues: str, also: tuple[Grant, ...] = ()) -> Function:
    """The relay of a table's changes. It parks the changes that it cannot carry out, Lambda those of a failed run."""
    return Function(
        name=f"relay_{source}",
        timeout=60,
        memory=512,
        trigger=Stream(f"{source}_table"),
        reserve=RELAYS,
        grants=(*also, *send(*queues, "parked")),
    )


TASK_EFFECTS = ("dispatch", "deliver", "perform", "recognize", "models", "wakeups", "live", "announce")
"""The queues to which the effects of a task's change go."""

ENGINE = Bundle(
    "engine",
    (
        relay("tasks", *TASK_EFFECTS, also=(*RECORD, *INDEX)),
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
                # Unused keys of concurrency limits are deleted.
                table("workers", "Query", "PutItem", "UpdateItem", "DeleteItem"),
            ),
        ),
        # The only built-in performer is sentiment analysis: a little computing, no waiting.
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
        # Calls of language models, which take minutes. One for each run, so that none waits for another.
        Function(
            name="models",
            timeout=900,
            memory=512,
            trigger=Queue("models_queue", batch=1, concurrency=20),
            models=True,
            grants=(
                table("tasks", "BatchGetItem", "GetItem", "UpdateItem"),
                table("workers", "UpdateItem"),
                # Approved content is published, by a background job if the function dies.
                *PUBLISH,
                table("documents", "GetItem", "PutItem"),
                # Slots of providers, and what calls take.
                table("access", "UpdateItem"),
                table("stats", "PutItem", "UpdateItem"),
                payloads("GetObject", "PutObject"),
                call_models(),
            ),
        ),
        Function(
            name="live",
            timeout=60,
            memory=512,
            trigger=Queue("live_queue", concurrency=50),
            grants=SEND_TO_WATCHERS,
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
                # Subscribers get the event if they still have the permission; else they are disconnected.
                table("access", "BatchGetItem"),
                *SEND_TO_WATCHERS,
                connections("DELETE"),
                *send("webhooks"),
            ),
        ),
        Function(
            name="webhooks",
            timeout=60,
            memory=512,
            # One message for each run, so that a receiver that does not answer delays only its own deliveries. An org
            # with 50 such webhooks occupies 200 runs until they are paused.
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
            # The accounts with social platforms are sealed documents.
            secrets=True,
            accounts=True,
            grants=(
                table("documents", "BatchGetItem"),
                table("deliveries", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"),
                *send("wakeups"),
            ),
        ),
        # The tasks of a batch are handed over in parallel, so the timeout must cover the slowest worker, not the sum.
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
            # It notifies people that a task has ended.
            accounts=True,
            models=True,
            grants=(
                *HANDLE_DUE,
                *CLEAN_UP,
                *ANSWER_MESSAGES,
                *CARRY_ON,
                *PUBLISH,
                *REPACK,
                *REDELIVER,
                table("deliveries", "GetItem"),
                *send("notifications"),
            ),
        ),
        # It finds the parts in which anything is due; `sweep` handles them.
        Function(
            name="wake",
            timeout=30,
            memory=256,
            # The next minute's run makes up for a failed one.
            trigger=Schedule(retried=False),
            reserve=2,
            grants=(*DUE_ANYWHERE, table("documents", "Query"), *measure("parked"), *send("sweeps")),
        ),
        # Each part of a sweep has a run of its own, so that no part delays another.
        Function(
            name="sweep",
            timeout=60,
            memory=512,
            trigger=Queue("sweeps_queue", batch=1, concurrency=20),
            secrets=True,
            accounts=True,
            models=True,
            # It also relays parked changes.
            grants=(
                *DUE_ANYWHERE,
                *HANDLE_DUE,
                *CLEAN_UP,
                *ANSWER_MESSAGES,
                *CARRY_ON,
                *PUBLISH,
                *REPACK,
                *RECORD,
                *INDEX,
                *REDELIVER,
                table("tasks", "BatchGetItem"),
                table("deliveries", "GetItem", "UpdateItem"),
                *send(*TASK_EFFECTS, "notifications"),
                receive("parked"),
            ),
        ),
        Function(
            name="gauges",
            timeout=60,
            memory=256,
            # The next run, five minutes later, measures again.
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
    extras=("studio",),
)

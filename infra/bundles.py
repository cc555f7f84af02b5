"""What runs in AWS: every bundle, its functions, what starts each of them and what each may access.

`.chalice/config.json`, the IAM policies, the event-source mappings, the visibility timeouts and the alarms are
generated from this one table. To add a bundle, declare it here, name it in BUNDLES and run `make stages`. The engine's
functions are in infra/engine.py.

Load is limited at its source: by MaximumConcurrency of a queue's mapping and by the API's throttle. The engine's
functions reserve concurrency only if the deployment asks for it: a new AWS account has too little concurrency, and the
deployment would fail.
"""

from infra.engine import ENGINE, REDELIVER
from infra.functions import (
    Bundle,
    Function,
    Grant,
    Queue,
    Socket,
    call_models,
    connections,
    indexes,
    measure,
    payloads,
    rekognition,
    send,
    table,
)


def api_handler(
    *grants: Grant, accounts: bool = False, models: bool = False, github: bool = False, memory: int = 512
) -> Function:
    """The function behind an API. API Gateway waits 29 s at most.

    512 MB unless the API says otherwise: a request is a little Python between two network calls. More memory would buy
    idle CPU; less would slow the import of pydantic and botocore on the first request, which fill 150 MB.
    """
    return Function(
        name="api_handler",
        timeout=29,
        memory=memory,
        secrets=True,
        accounts=accounts,
        models=models,
        github=github,
        grants=grants,
    )


RECOGNITION_MEMORY = 2048
"""MB. The engines fill up to 1 GB, and more memory brings more CPU."""

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
            # Statistics are read, and the API's own requests counted.
            table("stats", "BatchGetItem", "Query", "UpdateItem"),
            table("access", "UpdateItem"),
            # Only results are read: a client's payload is stored in its task's item.
            payloads("GetObject"),
        ),
    ),
    reads=("sockets_url",),
)


MESSENGER = Bundle(
    "messenger",
    (
        api_handler(
            # `notifications` counts what it sends; here the counts are read.
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

CODESERVER = Bundle(
    "codeserver",
    (
        api_handler(
            table("access", "UpdateItem"),
            table(
                "conversations",
                *("BatchGetItem", "ConditionCheckItem", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
            ),
            indexes("conversations", "user", "status", "user_status"),
            # Settings, saved sessions, the org's choice of a model, and the jobs
            # that delete a conversation's messages and join the packs of a workspace.
            table("documents", "GetItem", "Query", "PutItem", "DeleteItem"),
            table("workspaces", "BatchGetItem", "GetItem", "Query", "PutItem", "DeleteItem"),
            # A piece of code is stored only for the worker that holds its task. The search index lists the tasks.
            table("tasks", "BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem"),
            table("workers", "GetItem", "Query", "PutItem", "UpdateItem"),
            table("chunks", "GetItem", "Query", "PutItem", "UpdateItem"),
            table("listings", "BatchGetItem", "Query"),
            payloads("GetObject", "PutObject", "DeleteObject"),
            # The log of code tasks and figures are read, and the API's own requests counted.
            table("events", "Query"),
            indexes("events", "task"),
            table("stats", "BatchGetItem", "GetItem", "Query", "UpdateItem"),
            models=True,
            # The secrets of its webhooks are with the messengers' accounts.
            accounts=True,
            # A pulled pack, of up to 48 MB, is in memory while it is checked, and inflating it takes computing.
            memory=1769,
        ),
    ),
    reads=("sockets_url",),
)

RECOGNITION = Bundle(
    "recognition",
    (
        api_handler(
            table("access", "UpdateItem"),
            rekognition("DetectLabels", "DetectText"),
            memory=RECOGNITION_MEMORY,
        ),
        # Tasks that are performed by recognition: this bundle alone has its libraries.
        Function(
            name="recognize",
            timeout=60,
            memory=RECOGNITION_MEMORY,
            trigger=Queue("recognize_queue", batch=1, reserves=False),
            grants=(
                table("tasks", "BatchGetItem", "GetItem", "UpdateItem"),
                table("workers", "UpdateItem"),
                payloads("GetObject", "PutObject"),
                rekognition("DetectLabels", "DetectText"),
            ),
        ),
    ),
    has_image=True,
)

STUDIO = Bundle(
    "studio",
    (
        api_handler(
            table("contents", "BatchGetItem", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
            # The search index lists the executions of workflows.
            table("tasks", "BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem"),
            indexes("tasks", "age", "phase"),
            # Figures are read, usage and the API's own requests counted.
            table("stats", "BatchGetItem", "GetItem", "Query", "PutItem", "UpdateItem"),
            table("listings", "BatchGetItem", "Query"),
            # Agents: they are stopped and started, and their log is read. Their health measures the queue.
            table("workers", "GetItem", "Query", "PutItem", "UpdateItem"),
            table("events", "Query"),
            *measure("dispatch"),
            table("conversations", "BatchGetItem", "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            # Sessions, counts of what an org may have so many of, and the API keys of a user.
            table("access", "BatchGetItem", "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
            table("documents", "BatchGetItem", "GetItem", "Query", "PutItem", "DeleteItem"),
            # Posts on social platforms, and in integrations how often messengers were used, and the accounts of an org.
            table(
                "deliveries",
                *("BatchGetItem", "ConditionCheckItem", "GetItem", "Query", "PutItem", "DeleteItem"),
            ),
            *send("notifications", "wakeups"),
            payloads("GetObject", "PutObject"),
            # Subtasks ask models within the request.
            call_models(),
            models=True,
            # The token of its webhook is with the messengers' accounts, too.
            accounts=True,
            github=True,
            # The checks of a text fill 150 MB, and take computing.
            memory=1024,
        ),
    ),
    reads=("cms_org", "github_client_id"),
    extras=("studio",),
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
            # Statistics and the event log are read, and requests counted. The health check measures the queue.
            table("stats", "BatchGetItem", "Query", "UpdateItem"),
            table("events", "Query"),
            *measure("dispatch"),
            # A webhook test is sent at once and recorded as a delivery.
            table("deliveries", "GetItem", "Query", "UpdateItem", "DeleteItem"),
            *REDELIVER,
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
                # Users of the projects API connect with a session or an API key.
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
            # Workers that write code say what their language models used; it is counted with its price.
            models=True,
            grants=(
                table("stats", "PutItem", "UpdateItem"),
                # A subscription needs a permission, which is checked each time.
                table("connections", "GetItem", "Query", "PutItem", "DeleteItem"),
                table("access", "BatchGetItem"),
                table("documents", "BatchGetItem", "GetItem"),
                *send("announce"),
                table("tasks", "ConditionCheckItem", "GetItem", "UpdateItem"),
                table("chunks", "PutItem", "UpdateItem"),
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

BUNDLES = (
    PROCESSING,
    COORDINATOR,
    SUPPORT,
    MESSENGER,
    SURVEYS,
    RECOGNITION,
    CODESERVER,
    STUDIO,
    PROJECTS,
    LIVE,
    ENGINE,
)


def consumers() -> dict[str, Function]:
    """Map the setting of each queue to the function that reads it."""
    functions = (function for bundle in BUNDLES for function in bundle.functions)
    return {function.trigger.queue: function for function in functions if isinstance(function.trigger, Queue)}

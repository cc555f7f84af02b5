"""The projects API (coordinaitor.md, "CoordinAItor")."""

import re
from datetime import UTC, datetime
from typing import Any

from chalicelib.apis.projects import api
from chalicelib.apis.projects.access import AGENT_REFUSAL
from chalicelib.apis.projects.permissions import REQUIRED_PERMISSIONS, ROLE_PERMISSIONS, InProject, Permission
from chalicelib.edge import Endpoint, routes_of
from chalicelib.edge.api import VARIABLE
from tests.contract.documented import Allowance, Documented, ErrorDetails, Paging, Submitting, without
from tests.contract.face import Face
from tests.contract.faces.projects.scene import build, caller
from tests.contract.faces.projects.values import BASES, REQUIRED, WRONG, WRONG_QUERIES


def read_error(document: Any) -> ErrorDetails:
    """`{"success": false, "error": {"code": ..., "message": ..., "details": {<field>: [...]}}, "meta": {...}}`."""
    example = projects.data["error"]
    assert list(document) == list(example)
    assert document["success"] is False
    assert list(document["meta"]) == list(example["meta"])
    error = document["error"]
    assert {"code", "message"} <= set(error) <= {*example["error"], "retryAfter"}
    assert bool(error.get("details")) is (error["code"] == projects.codes[422])
    assert ("retryAfter" in error) is (error["code"] == projects.codes[429])
    fields = {name: "; ".join(what) for name, what in error.get("details", {}).items()}
    return ErrorDetails(error["code"], error["message"], fields, request_id=document["meta"]["requestId"])


USUAL = {
    "taskId": "active",
    "commentId": "comment",
    "fileId": "file",
    "agentId": "agent",
    "projectId": "project",
    "userId": "user",
    "notificationId": "notification",
    "webhookId": "webhook",
    "deliveryId": "delivery",
    "keyId": "key",
    "clientId": "client",
}
"""Variable of a path -> name of the resource on which most endpoints succeed."""
OTHERWISE = {
    "PUT /api/v1/tasks/{taskId}": "pending",
    "PATCH /api/v1/tasks/{taskId}": "pending",
    "POST /api/v1/tasks/{taskId}/assign": "pending",
    "DELETE /api/v1/projects/{projectId}/members/{userId}": "member",
    "POST /api/v1/users/{userId}/invitation": "invited",
    "GET /api/v1/users/{userId}/avatar": "pictured",
}
"""Endpoint id -> name of the resource for the last variable of its path, where it needs another."""


def resources_of(endpoint: Endpoint) -> dict[str, str]:
    *outer, last = VARIABLE.findall(endpoint.path)
    return {name: USUAL[name] for name in outer} | {last: OTHERWISE.get(identifier(endpoint), USUAL[last])}


def identifier(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def required_permission(endpoint: Endpoint) -> Permission | None:
    """The permission that an endpoint needs; None where every caller with a credential may call it."""
    required = REQUIRED_PERMISSIONS[endpoint.name]
    return required.permission if isinstance(required, InProject) else required


PERMISSION = {identifier(one): required_permission(one) for one in routes_of(api) if not one.public}
"""Endpoint id -> the permission that it needs."""


MANAGED = {name for name, wanted in PERMISSION.items() if wanted not in (None, *ROLE_PERMISSIONS["developer"])}
"""Endpoints that of the tests' development tokens only an admin's may call."""
PEOPLES = {
    identifier(endpoint)
    for endpoint in routes_of(api)
    if not endpoint.public
    and endpoint.name != "agent_heartbeat"
    and (endpoint.method != "GET" or REQUIRED_PERMISSIONS[endpoint.name] is None)
}
"""Endpoints that no agent's token may call."""


def refusal(endpoint: Documented, _: Any) -> str:
    return f"You need the permission {PERMISSION[endpoint.id]} for this" if endpoint.id in MANAGED else AGENT_REFUSAL


def format_instant(now: int) -> str:
    """ISO in whole seconds, with Z."""
    return datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"

projects = Face(
    api=api,
    docs="/api/docs",
    caller=caller,
    build=build,
    on={identifier(one): resources_of(one) for one in routes_of(api) if VARIABLE.search(one.path)},
    stands_for={
        "proj-123": "project",
        "agent-123": "agent",
        "agent-456": "agent",
        "agent-789": "agent",
        "user-123": "me",
        "user-456": "user",
        "user-789": "newcomer",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...": "refresh",
        "YOUR_CLIENT_ID": "client",
        "YOUR_CLIENT_SECRET": "secret",
        "AUTH_CODE": "code",
        "INVITATION": "invitation",
        "ASKED": "asked",
        "WORD": "word",
        "VISIT": "visit",
        "SIGNED_WORD": "signed word",
        "SIGNED_IN": "signed in",
    },
    read_error=read_error,
    codes={
        400: "BAD_REQUEST",
        401: "AUTHENTICATION_ERROR",
        403: "AUTHORIZATION_ERROR",
        404: "NOT_FOUND",
        405: "METHOD_NOT_ALLOWED",
        409: "CONFLICT_ERROR",
        413: "PAYLOAD_TOO_LARGE",
        415: "UNSUPPORTED_MEDIA_TYPE",
        422: "VALIDATION_ERROR",
        429: "RATE_LIMIT_ERROR",
        500: "INTERNAL_ERROR",
        503: "SERVICE_UNAVAILABLE",
    },
    invalid=422,
    refusal=refusal,
    refusals_count=True,
    case=re.compile(r"[a-z][a-zA-Z0-9]*"),
    instants=frozenset(
        {"createdAt", "updatedAt", "timestamp", "lastActiveAt", "joinedAt", "uploadedAt", "readAt", "lastLoginAt"}
    ),
    instant=format_instant,
    formats={
        r"task-\d+": r"task_\w+",
        r"proj-\d+": r"proj_\w+",
        r"agent-\d+": r"(agent|user)_\w+",
        r"user-\d+": r"user_\w+",
        r"comment-\d+": r"comment_\w+",
        r"file-\d+": r"file_\w+",
        INSTANT: INSTANT,
        r"eyJ.+": r"[\w-]+\.[\w-]+\.[\w-]+",
        r"\d+\.\d+\.\d+": r"\d+\.\d+\.\d+",
    },
    verbatim=frozenset({"headers", "configuration", "details"}),
    decided={
        # Not every change is one of status.
        "GET /api/v1/tasks/{taskId}": {"data.history": [{"action": "created", "timestamp": "2024-01-16T08:00:00Z"}]},
        "GET /api/v1/agents/{agentId}/metrics": {
            "data.performanceMetrics.customerSatisfaction": None,
            "data.performanceMetrics.codeQualityScore": None,
            "data.utilizationMetrics.totalHours": 160.5,
            "data.utilizationMetrics.activeHours": 142.5,
            "data.utilizationMetrics.utilizationRate": None,
        },
    },
    statuses={
        **{
            f"POST /api/v1/{name}": 201
            for name in (
                "tasks",
                "tasks/{taskId}/comments",
                "tasks/{taskId}/files",
                "agents",
                "projects",
                "projects/{projectId}/members",
                "users",
                "users/{userId}/invitation",
                "webhooks",
                "auth/api-keys",
                "oauth/clients",
            )
        },
        "POST /api/auth/api-keys": 201,
        "GET /api/v1/users/{userId}/avatar": 302,
        "POST /oauth/login": 303,
        "POST /oauth/authorize": 303,
    },
    located=(
        "POST /api/v1/tasks",
        "POST /api/v1/tasks/{taskId}/comments",
        "POST /api/v1/tasks/{taskId}/files",
        "POST /api/v1/agents",
        "POST /api/v1/projects",
        "POST /api/v1/users",
        "POST /api/v1/webhooks",
    ),
    public=tuple(identifier(one) for one in routes_of(api) if one.public),
    pages=("GET /oauth/authorize", "GET /oauth/done"),
    own_words=("POST /oauth/token",),
    roles=dict.fromkeys(PEOPLES, ("user", "admin")) | dict.fromkeys(MANAGED, ("admin",)),
    tiers={"free": Allowance(1_000, 50), "pro": Allowance(10_000, 200), "enterprise": Allowance(100_000, 1_000)},
    spenders={"default": "GET /api/v1/tasks"},
    strangers={
        # The documented body names resources that this org does not have.
        "POST /api/v1/tasks": 422,
        "POST /api/v1/projects": 422,
        # The tests' development tokens belong to no account.
        "GET /api/v1/users/me": 404,
        "PUT /api/v1/users/me": 404,
        "PUT /api/v1/users/me/password": 404,
        "POST /api/v1/users/me/avatar": 404,
        "POST /api/v1/auth/api-keys": 404,
        "POST /api/auth/api-keys": 404,
        "GET /api/v1/auth/api-keys": 404,
        "GET /api/auth/api-keys": 404,
    },
    elsewhere=("POST /api/v1/users/me/avatar",),  # its first call is one of S3
    robust=("GET /api/v1/system/health", "GET /api/v1/system/status"),
    missing=tuple(
        (where, field, without(BASES[where], field)) for where, fields in REQUIRED.items() for field in fields
    ),
    bases=BASES,
    wrong=WRONG,
    wrong_queries=WRONG_QUERIES,
    submitting=Submitting("POST /api/v1/tasks", "GET /api/v1/tasks/{taskId}", "data.id", {"title": "x"}),
    read_only={
        "id": "task_mine",
        "org": "umbra",
        "status": "completed",
        "progress": 1,
        "createdBy": "user_forged",
        "createdAt": "2020-01-01T00:00:00Z",
        "completedAt": "2020-01-01T00:00:00Z",
        "result": {"forged": True},
        "overdue": True,
        "version": 9,
    },
    volatile=frozenset({"uptime", "latency", "connections", "memory", "cpu"}),
    paged={"GET /api/v1/tasks": Paging("data", 20, 100, "pagination.total", "links.next", link=True)},
    twins=("/api/auth/login", "/api/auth/refresh", "/api/auth/api-keys", "/api/auth/api-keys/{keyId}", "/api/tasks"),
)

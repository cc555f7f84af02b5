"""The studio API (glad-labs.md)."""

import re
from datetime import UTC, datetime
from typing import Any

from chalicelib.apis.studio import api
from tests.contract.documented import ErrorDetails
from tests.contract.face import Face
from tests.contract.faces.group import merge
from tests.contract.faces.studio import (
    agents,
    authentication,
    bulk,
    chat,
    cms,
    commands,
    contents,
    metrics,
    models,
    ollama,
    orchestrator,
    settings,
    social,
    subtasks,
    tasks,
    webhooks,
    workflow,
)


def read_error(body: Any) -> ErrorDetails:
    """`{"detail": ..., "status": 400, "type": "validation_error", "fields": {<field>: ...}}`."""
    assert list(body) == list(studio.data["error"])
    assert bool(body["fields"]) <= (body["type"] == studio.codes[400])
    return ErrorDetails(body["type"], body["detail"], body["fields"], status=body["status"])


def written(now: int) -> str:
    """ISO in whole seconds, with Z."""
    return datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"
GROUPS = (
    chat.group,
    contents.group,
    cms.group,
    webhooks.group,
    agents.group,
    authentication.group,
    bulk.group,
    commands.group,
    metrics.group,
    models.group,
    ollama.group,
    orchestrator.group,
    settings.group,
    subtasks.group,
    tasks.group,
    workflow.group,
    social.group,
)

studio = Face(
    api=api,
    read_error=read_error,
    codes={
        400: "validation_error",
        401: "unauthenticated",
        403: "forbidden",
        404: "not_found",
        405: "method_not_allowed",
        409: "conflict",
        413: "too_large",
        415: "unsupported_media_type",
        429: "too_many_requests",
        500: "internal_error",
        503: "unavailable",
        504: "timed_out",
    },
    case=re.compile(r"[a-z][a-z0-9_]*"),
    instant=written,
    exact=True,
    opens=True,
    spenders={"default": "GET /api/commands"},
    **merge(GROUPS),
)

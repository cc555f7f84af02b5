"""The code server API (delqhi-platform.md, "Agent-04.1 OpenHands CodeServer")."""

from chalicelib.apis.codeserver import api
from tests.contract.face import Face
from tests.contract.faces.codeserver import code, config, conversations, logs, models, sessions, webhooks, workspaces
from tests.contract.faces.coordinator import coordinator
from tests.contract.faces.group import Group, merge

GROUPS = (
    Group(
        build=lambda world, client, caller: {},
        formats=coordinator.formats,
        volatile=frozenset({"timestamp", "uptime_seconds"}),
        public=("GET /health",),
    ),
    code.group,
    conversations.group,
    models.group,
    config.group,
    sessions.group,
    workspaces.group,
    webhooks.group,
    logs.group,
)

codeserver = Face(
    api=api,
    read_error=coordinator.read_error,
    codes=coordinator.codes,
    case=coordinator.case,
    instant=coordinator.instant,
    exact=True,
    opens=True,
    spenders={"default": "GET /api/conversations"},
    **merge(GROUPS),
)

"""The code server API (delqhi-platform.md, "Agent-04.1 OpenHands CodeServer")."""

from chalicelib import __version__
from chalicelib.apis.codeserver import (
    access,
    code,
    code_stream,
    config,
    conversations,
    files,
    git,
    health,
    logs,
    metrics,
    models,
    sessions,
    webhooks,
    workers,
    workspaces,
)
from chalicelib.edge import BEARER, Api, TracedErrors, documentation_routes

api: Api = Api(
    name=access.NAME,
    title="Yardmaster: code server API",
    version=__version__,
    description="Have workers write code, keep files and git repositories, hold conversations, and choose models.",
    port=8041,
    dialect=TracedErrors(),
    groups=(
        health.routes,
        conversations.routes,
        models.routes,
        config.routes,
        sessions.routes,
        files.routes,
        git.routes,
        workspaces.routes,
        logs.routes,
        metrics.routes,
        code.routes,
        code_stream.routes,
        code.list_routes,
        workers.routes,
        webhooks.routes,
        documentation_routes(lambda: api),
    ),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
    security=BEARER,
    measure=metrics.measure,
)

"""The projects API (coordinaitor.md, "CoordinAItor"): people and agents, their projects and tasks."""

from chalicelib import __version__
from chalicelib.apis.projects import (
    access,
    agents,
    avatars,
    comments,
    files,
    members,
    notifications,
    oauth,
    oauth_clients,
    projects,
    system,
    tasks,
    webhooks,
)
from chalicelib.edge import BEARER_OR_KEY, Api, Enveloped, documentation_routes

api: Api = Api(
    name=access.NAME,
    title="CoordinAItor",
    version=__version__,
    description="Projects, their tasks, and the people and agents who do them.",
    port=3000,
    dialect=Enveloped(),
    groups=(
        oauth.routes,
        oauth_clients.routes,
        tasks.routes,
        tasks.unversioned,
        comments.routes,
        files.routes,
        agents.routes,
        projects.routes,
        members.routes,
        avatars.routes,
        notifications.routes,
        system.routes,
        webhooks.routes,
        documentation_routes(lambda: api, "/api/docs"),
    ),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
    authorize=access.authorize,
    security=BEARER_OR_KEY,
    window_header=True,
    measure=system.measure,
)

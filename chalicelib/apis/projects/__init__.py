"""The projects API (coordinaitor.md): projects, their tasks, and the people and agents who do them."""

from chalicelib import __version__
from chalicelib.apis.projects import access
from chalicelib.apis.projects.agents import routes as agents
from chalicelib.apis.projects.events import webhooks
from chalicelib.apis.projects.oauth import clients
from chalicelib.apis.projects.oauth import routes as oauth
from chalicelib.apis.projects.projects import members
from chalicelib.apis.projects.projects import routes as projects
from chalicelib.apis.projects.system import routes as system
from chalicelib.apis.projects.tasks import comments, files
from chalicelib.apis.projects.tasks import routes as tasks
from chalicelib.apis.projects.users import api_keys, auth, avatars, inbox
from chalicelib.apis.projects.users import routes as users
from chalicelib.edge import BEARER_OR_KEY, Api, Enveloped, documentation_routes

api: Api = Api(
    name=access.NAME,
    title="Yardmaster: projects API",
    version=__version__,
    description="Projects, their tasks, and the people and agents who do them.",
    port=3000,
    dialect=Enveloped(),
    groups=(
        auth.routes,
        auth.unversioned,
        api_keys.routes,
        api_keys.unversioned,
        oauth.routes,
        clients.routes,
        tasks.routes,
        tasks.unversioned,
        comments.routes,
        files.routes,
        agents.routes,
        projects.routes,
        members.routes,
        users.routes,
        avatars.routes,
        inbox.routes,
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

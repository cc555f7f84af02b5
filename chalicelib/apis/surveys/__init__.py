"""The survey API (delqhi-platform.md, "Zimmer-18 Survey Worker"): sessions on platforms, one at a time on each."""

from chalicelib import __version__
from chalicelib.apis.surveys import access, health, platforms, sessions
from chalicelib.edge import BEARER, Api, TracedErrors, documentation_routes

api: Api = Api(
    name=access.NAME,
    title="Yardmaster: surveys API",
    version=__version__,
    description="Start survey sessions, which workers hold one at a time on each platform, and follow their progress.",
    port=8018,
    dialect=TracedErrors(),
    groups=(health.routes, sessions.routes, platforms.routes, documentation_routes(lambda: api)),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
    security=BEARER,
)

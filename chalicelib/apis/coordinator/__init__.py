"""The coordinator API (delqhi-platform.md, "Zimmer-13 API Koordinator"): workers, and the tasks assigned to them."""

from chalicelib import __version__
from chalicelib.apis.coordinator import access, health, tasks, workers
from chalicelib.edge import BEARER, Api, TracedErrors, documentation_routes

api: Api = Api(
    name=access.NAME,
    title="Yardmaster: coordinator API",
    version=__version__,
    description="Register workers, create tasks, assign the tasks to workers, and follow their progress.",
    port=8000,
    dialect=TracedErrors(),
    groups=(health.routes, workers.routes, tasks.routes, documentation_routes(lambda: api)),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
    security=BEARER,
)

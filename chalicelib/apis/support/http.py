"""The HTTP endpoints of the support API."""

from chalicelib import __version__
from chalicelib.apis.support import access, monitoring, tasks, workers
from chalicelib.edge import BEARER, Api, CodedErrors, documentation_routes
from chalicelib.engine.statistics import request_counts

api: Api = Api(
    name=access.NAME,
    title="Yardmaster: support API",
    version=__version__,
    description="Submit tasks, connect the workers that perform them, and follow their progress.",
    port=8003,
    dialect=CodedErrors(),
    groups=(tasks.routes, workers.routes, monitoring.routes, documentation_routes(lambda: api)),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
    security=BEARER,
    measure=request_counts.request_counter(access.NAME),
)

"""The HTTP half of the support API."""

from chalicelib import __version__
from chalicelib.apis.support import access, monitoring, tasks, workers
from chalicelib.edge import BEARER, Api, CodedErrors, documentation_routes
from chalicelib.engine.statistics import request_counts

api: Api = Api(
    name=access.NAME,
    title="AI Customer Service Platform",
    version=__version__,
    description="Submit tasks, connect the workers that perform them, and see how it goes.",
    port=8003,
    dialect=CodedErrors(),
    groups=(tasks.routes, workers.routes, monitoring.routes, documentation_routes(lambda: api)),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
    security=BEARER,
    measure=request_counts.request_counter(access.NAME),
)

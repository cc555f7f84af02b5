"""The processing API (task-processing.md): tasks, servers, statistics, load balancer."""

from chalicelib import __version__
from chalicelib.apis.processing import access, listing, load_balancer, servers, statistics, tasks
from chalicelib.edge import Api, FlatErrors, documentation_routes

api: Api = Api(
    name=access.NAME,
    title="Yardmaster: processing API",
    version=__version__,
    description="Submit tasks, register the servers that process them, and read their statistics.",
    port=8787,
    dialect=FlatErrors(),
    groups=(
        tasks.routes,
        listing.routes,
        servers.routes,
        statistics.routes,
        load_balancer.routes,
        documentation_routes(lambda: api),
    ),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
)

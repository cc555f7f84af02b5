"""The recognition API (delqhi-platform.md, "Zimmer-19"): text, offsets, speech and objects, recognised at once."""

from chalicelib import __version__
from chalicelib.apis.recognition import access, health, routes, solve, try_page
from chalicelib.edge import BEARER, Api, TracedErrors, documentation_routes

api: Api = Api(
    name=access.NAME,
    title="Yardmaster: recognition API",
    version=__version__,
    description="Recognise text and objects in images, where a piece fits, and the words of recordings. "
    "[Try it with your own files](try): what is recognised is drawn on them.",
    port=8019,
    dialect=TracedErrors(),
    groups=(health.routes, solve.routes, routes.routes, try_page.routes, documentation_routes(lambda: api)),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
    security=BEARER,
    body_limit_bytes=access.BODY_LIMIT_BYTES,
)

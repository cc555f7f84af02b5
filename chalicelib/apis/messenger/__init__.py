"""The messenger API (delqhi-platform.md, "Zimmer-09 ClawdBot-Bote"): notifications to people through messengers."""

from chalicelib import __version__
from chalicelib.apis.messenger import access, health, hooks, messengers, notifications, schemas, whatsapp
from chalicelib.edge import BEARER, Api, TracedErrors, documentation_routes

api: Api = Api(
    name=schemas.NAME,
    title="Yardmaster: messenger API",
    version=__version__,
    description="Notify people on Telegram, WhatsApp and Discord, and see the status of each notification.",
    port=8004,
    dialect=TracedErrors(),
    groups=(
        health.routes,
        notifications.routes,
        messengers.routes,
        whatsapp.routes,
        notifications.history_routes,
        hooks.routes,
        documentation_routes(lambda: api),
    ),
    limits=access.LIMITS,
    authenticate=access.authenticate,
    admit=access.admit,
    exempt=access.exempt,
    security=BEARER,
)

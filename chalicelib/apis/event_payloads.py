"""What the function `announce` needs of the APIs: the builders of their event payloads, and who may see the events."""

from chalicelib.apis.projects.events.live_access import may_see as projects_may_see
from chalicelib.apis.projects.events.payloads import build_payloads as build_projects_payloads
from chalicelib.apis.studio.event_payloads import build_payloads as build_studio_payloads
from chalicelib.engine.events.fan_out import PayloadBuilders
from chalicelib.engine.live.event_feed import MaySee

payload_builders: PayloadBuilders = {"projects": build_projects_payloads, "studio": build_studio_payloads}
"""Pool -> the function that builds its API's event payloads."""
may_see: MaySee = projects_may_see
"""Whether a connection's user may still see a channel's events. Only the projects API has subscriptions."""

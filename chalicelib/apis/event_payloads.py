"""How each API words what happened: all that the engine's `announce` function needs of the APIs."""

from chalicelib.apis.projects.events.live_access import may_see as projects_admits
from chalicelib.apis.projects.events.payloads import build_payloads as projects
from chalicelib.engine.events.fan_out import Heralds
from chalicelib.engine.live.event_feed import MaySee

payload_builders: Heralds = {"projects": projects}
"""Pool -> how its API words what happened."""
may_see: MaySee = projects_admits
"""Whether a subscriber may still see what it subscribed to: the projects API alone has such."""

"""How each API words what happened: all that the engine's `announce` function needs of the APIs."""

from chalicelib.apis.projects.audience import admits as projects_admits
from chalicelib.apis.projects.herald import herald as projects
from chalicelib.engine.announcing import Heralds
from chalicelib.engine.feeds import Admits

heralds: Heralds = {"projects": projects}
"""Pool -> how its API words what happened."""
admits: Admits = projects_admits
"""Whether a subscriber may still see what it subscribed to: the projects API alone has such."""

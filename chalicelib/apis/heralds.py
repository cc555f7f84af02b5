"""How each API words what happened: all that the engine's `announce` function needs of the APIs."""

from chalicelib.apis.projects.herald import herald as projects
from chalicelib.engine.announcing import Heralds

heralds: Heralds = {"projects": projects}
"""Pool -> how its API words what happened."""

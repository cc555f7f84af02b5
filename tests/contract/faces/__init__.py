"""The documented APIs. A new one needs its module here, its data beside them, and nothing else."""

from tests.contract.face import Face
from tests.contract.faces.coordinator import coordinator
from tests.contract.faces.messenger import messenger
from tests.contract.faces.processing import processing
from tests.contract.faces.projects import projects
from tests.contract.faces.support import support
from tests.contract.faces.surveys import surveys

FACES: tuple[Face, ...] = (processing, coordinator, support, messenger, surveys, projects)

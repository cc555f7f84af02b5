"""The documented APIs. A new API needs a module here and its document as data in tests/contract/data."""

from tests.contract.face import Face
from tests.contract.faces.codeserver import codeserver
from tests.contract.faces.coordinator import coordinator
from tests.contract.faces.messenger import messenger
from tests.contract.faces.processing import processing
from tests.contract.faces.projects import projects
from tests.contract.faces.recognition import recognition
from tests.contract.faces.studio import studio
from tests.contract.faces.support import support
from tests.contract.faces.surveys import surveys

FACES: tuple[Face, ...] = (
    processing,
    coordinator,
    support,
    messenger,
    surveys,
    recognition,
    codeserver,
    studio,
    projects,
)

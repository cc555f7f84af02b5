"""The recognition API (delqhi-platform.md, "Zimmer-19")."""

from chalicelib.apis.recognition import api
from tests.contract.documented import Resource, without
from tests.contract.face import Face
from tests.contract.faces.coordinator import coordinator
from tests.support.client import Client
from tests.support.recognition import fake_engine
from tests.support.world import World

FILES = {
    "base64_encoded_image": fake_engine.TEXT,
    "base64_background": fake_engine.BACKGROUND,
    "base64_slider_piece": fake_engine.PIECE,
    "base64_encoded_audio": fake_engine.SPEECH,
    "base64_image": fake_engine.PHOTO,
    "base64_1": fake_engine.PHOTO,
    "base64_2": fake_engine.TEXT,
}
"""What the document has in the place of a file -> the file."""


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """An engine that knows these files; nothing is stored."""
    fake_engine.use()
    return {name: Resource("File", fake_engine.encode(content)) for name, content in FILES.items()}


FILE = fake_engine.encode(fake_engine.PHOTO)
IMAGE = {"image": FILE}
PIECES = {"background": FILE, "slider": FILE}
AUDIO = {"audio": FILE, "format": "mp3"}
TARGET = {"image": FILE, "target": "traffic lights"}
CATEGORY = {"images": [FILE], "category": "bicycle"}
NOT_FILES = ("", "*", "QUJDR", 7, None, ["QUJD"], "data:image/png,QUJD")
NOT_LABELS = ("", "x" * 65, 7, None, ["bicycle"])
NOT_FLAGS = ("true", 1, None)

recognition = Face(
    api=api,
    build=build,
    on={},
    stands_for={name: name for name in FILES},
    read_error=coordinator.read_error,
    codes=coordinator.codes,
    case=coordinator.case,
    instants=frozenset(),
    instant=coordinator.instant,
    formats=coordinator.formats,
    exact=True,
    answers={"POST /solve": {"success": True, "text": "ABC123", "confidence": 0.95, "solver": "fake", "type": "ocr"}},
    public=("GET /health", "GET /try"),
    pages=("GET /try",),
    opens=True,
    elsewhere=("POST /solve", "POST /ocr", "POST /slider", "POST /audio", "POST /click", "POST /image-classify"),
    spenders={"default": "POST /ocr"},
    missing=(
        ("POST /solve", "image", {"type": "auto"}),
        ("POST /ocr", "image", {}),
        *(("POST /slider", name, without(PIECES, name)) for name in PIECES),
        ("POST /audio", "audio", without(AUDIO, "audio")),
        *(("POST /click", name, without(TARGET, name)) for name in TARGET),
        *(("POST /image-classify", name, without(CATEGORY, name)) for name in CATEGORY),
    ),
    bases={
        "POST /solve": IMAGE,
        "POST /ocr": IMAGE,
        "POST /slider": PIECES,
        "POST /audio": AUDIO,
        "POST /click": TARGET,
        "POST /image-classify": CATEGORY,
    },
    wrong=(
        ("POST /solve", "type", ("captcha", "", 7, None)),
        ("POST /solve", "image", ("", "*", 7)),
        ("POST /ocr", "image", NOT_FILES),
        ("POST /ocr", "details", NOT_FLAGS),
        *(("POST /slider", name, NOT_FILES) for name in PIECES),
        ("POST /audio", "audio", NOT_FILES),
        ("POST /audio", "format", ("midi", "", 7)),
        ("POST /click", "image", NOT_FILES),
        ("POST /click", "target", NOT_LABELS),
        ("POST /image-classify", "images", ([], [""], ["*"], [7], "QUJD", None, ["QUJD"] * 33)),
        ("POST /image-classify", "category", NOT_LABELS),
    ),
    volatile=frozenset({"uptime_seconds"}),
)

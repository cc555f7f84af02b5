"""A day of recognition: one image is read at once, others as tasks."""

from typing import Any

from chalicelib.apis import coordinator, recognition
from chalicelib.errors import InvalidRequest, Unavailable, YardmasterError
from chalicelib.providers.recognition.jobs import Job
from chalicelib.storage.aws import rekognition
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.recognition import fake_engine
from tests.support.world import World

IMAGE = {"image": fake_engine.encode(fake_engine.TEXT)}
LARGE = {"image": fake_engine.encode(fake_engine.grown(150_000)) + "\n" * 150_000}


def run(watch: Watch, world: World) -> None:
    """A request, a health check, and tasks: with a large file and result, refused, and postponed."""
    engine, client = fake_engine.use(), Client(watch, recognition.api)
    client("GET", "/health")
    assert client("POST", "/ocr", IMAGE)["text"] == "ABC123"
    workers = Client(watch, coordinator.api)
    perform(workers, world, LARGE)
    engine.before = ask_rekognition
    assert client("POST", "/ocr", IMAGE)["text"] == "ABC123"
    perform(workers, world, IMAGE)
    errors: tuple[YardmasterError, ...] = (InvalidRequest("no"), Unavailable("later", retry_after=1))
    for error in errors:
        engine.before = make_raising(error)
        perform(workers, world, IMAGE)
    engine.before = lambda job: None
    world.advance(60)


def perform(client: Client, world: World, payload: Any) -> None:
    client("POST", "/api/tasks", {"name": "one", "type": "recognition:ocr", "payload": payload})
    world.settle()


def ask_rekognition(job: Job) -> None:
    """Make the calls of the recogniser's process with RECOGNITION_ENGINES set to Rekognition, with the function's
    permissions."""
    rekognition.client().detect_text(b"an image")
    rekognition.client().detect_labels(b"an image", 0.5)


def make_raising(error: YardmasterError) -> Any:
    def refuse(job: Job) -> None:
        raise error

    return refuse

from chalicelib import config
from chalicelib.providers.recognition.recognizer import CAPABILITIES
from tests.apis.recognition.conftest import RecognitionApi

ALL = ("ocr", "slider", "audio", "click", "image_classifier")


def solvers(recognition_api: RecognitionApi) -> tuple[str, dict[str, bool]]:
    found = recognition_api.request("GET", "/health", token=None).json
    assert isinstance(found["uptime_seconds"], float)
    return found["status"], found["solvers"]


def test_an_api_whose_engines_work_is_healthy(recognition_api: RecognitionApi) -> None:
    assert solvers(recognition_api) == ("healthy", dict.fromkeys(ALL, True))


def test_an_engine_that_does_not_work_is_named_and_looked_at_again_soon(recognition_api: RecognitionApi) -> None:
    recognition_api.engine.ready -= {"transcribe"}
    assert solvers(recognition_api) == ("degraded", dict.fromkeys(ALL, True) | {"audio": False})
    recognition_api.engine.ready = set(CAPABILITIES)
    assert solvers(recognition_api)[0] == "degraded"
    recognition_api.world.clock.advance(10)
    assert solvers(recognition_api)[0] == "healthy"


def test_engines_that_work_are_not_asked_again_for_minutes(recognition_api: RecognitionApi) -> None:
    assert solvers(recognition_api)[0] == "healthy"
    recognition_api.engine.ready = set()
    recognition_api.world.clock.advance(299)
    assert solvers(recognition_api)[0] == "healthy"
    recognition_api.world.clock.advance(1)
    assert solvers(recognition_api) == ("unavailable", dict.fromkeys(ALL, False))


def test_recognition_that_is_off_is_unavailable_and_says_which_setting_it_is(recognition_api: RecognitionApi) -> None:
    config.replace(recognition="off")
    assert solvers(recognition_api) == ("unavailable", dict.fromkeys(ALL, False))
    error = recognition_api.post("/ocr", 503, image=b"x")
    assert (error["error"], "RECOGNITION" in error["message"]) == ("NOT_CONFIGURED", True)

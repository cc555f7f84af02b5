from typing import Any

import pytest

from tests.apis.recognition.conftest import RecognitionApi
from tests.apis.recognition.test_routes import FOUND, NOTHING, REQUESTS
from tests.support.recognition import fake_engine as files

NAMES = {"/ocr": "ocr", "/slider": "slider", "/audio": "audio", "/click": "click", "/image-classify": "image-classify"}


@pytest.mark.parametrize("path", REQUESTS)
@pytest.mark.parametrize("more", [{}, {"type": "auto"}])
def test_the_fields_choose_the_recogniser(recognition_api: RecognitionApi, path: str, more: dict[str, Any]) -> None:
    assert recognition_api.post("/solve", **REQUESTS[path], **more) == FOUND[path] | {"type": NAMES[path]}


@pytest.mark.parametrize("path", REQUESTS)
def test_the_type_chooses_it_whatever_else_is_there(recognition_api: RecognitionApi, path: str) -> None:
    everything = {name: value for request in REQUESTS.values() for name, value in request.items()} | REQUESTS[path]
    assert recognition_api.post("/solve", **everything, type=NAMES[path]) == FOUND[path] | {"type": NAMES[path]}


def test_the_classifier_can_be_named_as_the_health_check_names_it(recognition_api: RecognitionApi) -> None:
    request, answer = REQUESTS["/image-classify"], FOUND["/image-classify"]
    assert recognition_api.post("/solve", **request, type="image_classifier") == answer | {"type": "image-classify"}


@pytest.mark.parametrize("path", NOTHING)
def test_nothing_found_is_answered_as_elsewhere(recognition_api: RecognitionApi, path: str) -> None:
    request, answer = NOTHING[path]
    assert recognition_api.post("/solve", **request) == answer | {"type": NAMES[path]}


def test_details_come_here_too(recognition_api: RecognitionApi) -> None:
    assert "boxes" in recognition_api.post("/solve", **REQUESTS["/click"], details=True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Missing required field: image"),
        ({"image": None, "type": "auto"}, "Missing required field: image"),
        ({"target": "cat"}, "Missing required field: image"),
        ({"background": files.BACKGROUND}, "Missing required field: slider"),
        ({"images": [files.PHOTO]}, "Missing required field: category"),
        ({"image": files.PHOTO, "type": "click"}, "Missing required field: target"),
        ({"image": files.PHOTO, "type": "audio"}, "Missing required field: audio"),
        (
            {"image": files.PHOTO, "audio": files.SPEECH},
            "type: must be named, because these fields together fit no recogniser: audio, image",
        ),
    ],
)
def test_a_request_that_fits_no_recogniser_is_refused_naming_what_is_missing(
    recognition_api: RecognitionApi, fields: dict[str, Any], message: str
) -> None:
    assert recognition_api.post("/solve", 400, **fields)["message"] == message
    assert recognition_api.engine.jobs == []

from typing import Any

import pytest

from chalicelib.apis.recognition.access import BODY_LIMIT_BYTES
from chalicelib.errors import TooLarge, Unavailable
from chalicelib.providers.recognition.jobs import Job
from chalicelib.providers.recognition.recognizer import Busy, NotInstalled, UnreadableInput
from tests.apis.recognition.conftest import RecognitionApi
from tests.support.client import token
from tests.support.recognition import fake_engine as files

REQUESTS: dict[str, dict[str, Any]] = {
    "/ocr": {"image": files.TEXT},
    "/slider": {"background": files.BACKGROUND, "slider": files.PIECE},
    "/audio": {"audio": files.SPEECH},
    "/click": {"image": files.PHOTO, "target": "traffic lights"},
    "/image-classify": {"images": [files.PHOTO, files.TEXT, files.PHOTO], "category": "bicycle"},
}
FOUND: dict[str, dict[str, Any]] = {
    "/ocr": {"success": True, "text": "ABC123", "confidence": 0.95, "solver": "fake"},
    "/slider": {"success": True, "offset_x": 145, "confidence": 0.92},
    "/audio": {"success": True, "text": "seven four two nine", "digits": "7429"},
    "/click": {"success": True, "coordinates": [{"x": 120, "y": 85}, {"x": 250, "y": 180}]},
    "/image-classify": {"success": True, "matches": [0, 2], "confidence": [0.9, 0.9]},
}
NOTHING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "/ocr": (
        {"image": files.BLANK},
        {"success": False, "text": "", "confidence": 0.0, "solver": "fake", "reason": "The image shows no text"},
    ),
    "/slider": (
        {"background": files.BACKGROUND, "slider": files.FLAT_PIECE},
        {
            "success": False,
            "offset_x": 145,
            "confidence": 0.2,
            "reason": "The piece fits nowhere better than elsewhere, or is too flat to be found",
        },
    ),
    "/audio": (
        {"audio": files.SILENCE},
        {"success": False, "text": "", "digits": "", "reason": "The recording has no words"},
    ),
    "/click": (
        {"image": files.BLANK, "target": "cat"},
        {"success": False, "coordinates": [], "reason": "The image shows nothing of this kind: cat"},
    ),
    "/image-classify": (
        {"images": [files.BLANK], "category": "bus"},
        {"success": False, "matches": [], "confidence": [], "reason": "No image shows anything of this kind: bus"},
    ),
}


@pytest.mark.parametrize("path", REQUESTS)
def test_what_is_found_is_answered_as_documented(recognition_api: RecognitionApi, path: str) -> None:
    assert recognition_api.post(path, **REQUESTS[path]) == FOUND[path]


@pytest.mark.parametrize("path", NOTHING)
def test_nothing_found_is_an_answer_with_a_reason(recognition_api: RecognitionApi, path: str) -> None:
    request, answer = NOTHING[path]
    assert recognition_api.post(path, **request) == answer


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (
            "/ocr",
            {"lines": [{"text": "ABC123", "confidence": 0.95, "x": 10, "y": 20, "width": 80, "height": 24}]},
        ),
        ("/slider", {"offset_y": 30}),
        ("/audio", {"confidence": 0.9, "language": "en"}),
        (
            "/click",
            {
                "boxes": [
                    {"label": "traffic light", "confidence": 0.9, "x": 100, "y": 60, "width": 40, "height": 50},
                    {"label": "traffic light", "confidence": 0.9, "x": 230, "y": 150, "width": 40, "height": 60},
                ]
            },
        ),
    ],
)
def test_details_are_answered_if_they_are_requested(
    recognition_api: RecognitionApi, path: str, more: dict[str, Any]
) -> None:
    assert recognition_api.post(path, **REQUESTS[path], details=True) == FOUND[path] | more


@pytest.mark.parametrize("wrap", ["data:image/png;base64,{}", "  {}\r\n", "{}"])
def test_base64_is_read_in_any_of_its_spellings(recognition_api: RecognitionApi, wrap: str) -> None:
    image = wrap.format(files.encode(files.TEXT))
    assert recognition_api.post("/ocr", image=image)["success"]


def test_what_is_no_file_of_a_known_kind_is_400_and_names_its_field(recognition_api: RecognitionApi) -> None:
    for path, fields, field in (
        ("/ocr", {"image": b"junk"}, "image"),
        ("/slider", {"background": files.BACKGROUND, "slider": b"junk"}, "slider"),
        ("/audio", {"audio": b"junk"}, "audio"),
        ("/click", {"image": b"junk", "target": "cat"}, "image"),
        ("/image-classify", {"images": [files.PHOTO, b"junk"], "category": "cat"}, "images.1"),
    ):
        error = recognition_api.post(path, 400, **fields)
        assert (error["error"], error["message"].partition(":")[0]) == ("UNREADABLE_INPUT", field)


@pytest.mark.parametrize(("path", "field"), [("/click", "target"), ("/image-classify", "category")])
def test_an_unknown_label_is_400_with_those_that_are_known_the_near_ones_first(
    recognition_api: RecognitionApi, path: str, field: str
) -> None:
    error = recognition_api.post(path, 400, **(REQUESTS[path] | {field: "bicicle"}))
    assert error["error"] == "UNKNOWN_LABEL"
    assert error["message"].startswith(f'{field}: "bicicle" is no known label; did you mean bicycle?')
    assert "Known labels: bicycle, bus, cat, traffic light" in error["message"]


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Busy("48 requests wait for the engine; try again in 3 seconds", retry_after=3), 503, "3"),
        (NotInstalled("Recognition needs cv2, which is not installed"), 503, None),
        (Unavailable("The optional packages 'recognition' are being installed", retry_after=60), 503, "60"),
        (TooLarge("image: The image has too many pixels"), 413, None),
        (UnreadableInput("The file cannot be decoded"), 400, None),
    ],
)
def test_what_the_engine_cannot_do_is_answered_in_the_documented_shape(
    recognition_api: RecognitionApi, error: Any, status: int, retry_after: str | None
) -> None:
    def refuse(job: Job) -> None:
        raise error

    recognition_api.engine.before = refuse
    for path, fields in REQUESTS.items():
        reply = recognition_api.request("POST", path, {**fields_as_json(fields)})
        assert reply.status == status
        assert reply.json["message"] == error.message
        assert reply.headers.get("retry-after") == retry_after


def fields_as_json(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [files.encode(each) for each in value]
        if isinstance(value, list)
        else files.encode(value)
        if isinstance(value, bytes)
        else value
        for name, value in fields.items()
    }


def test_a_body_of_six_megabytes_passes(recognition_api: RecognitionApi) -> None:
    image = files.encode(files.TEXT)
    padding = " " * (BODY_LIMIT_BYTES - len(image) - len('{"image": ""}'))
    assert recognition_api.post("/ocr", image=padding + image)["success"]
    reply = recognition_api.request("POST", "/ocr", {"image": padding + " " + image})
    assert reply.status == 413


def test_each_caller_takes_the_turn_of_its_org(recognition_api: RecognitionApi) -> None:
    image = {"image": files.encode(files.TEXT)}
    for org in ("acme", "umbra"):
        assert recognition_api.request("POST", "/ocr", image, token=token("user", org=org)).status == 200
    assert [org for _, org in recognition_api.engine.jobs] == ["acme", "umbra"]


def test_the_hundred_and_first_request_of_a_minute_is_refused(recognition_api: RecognitionApi) -> None:
    image = {"image": files.encode(files.TEXT)}
    statuses = [recognition_api.request("POST", "/ocr", image).status for _ in range(101)]
    assert statuses == [200] * 100 + [429]
    assert recognition_api.request("POST", "/ocr", image, token=token("user", org="umbra")).status == 200


@pytest.mark.parametrize("name", ["mp3", "MP3", "wav", "ogg", "opus", "flac", "m4a", "webm"])
def test_the_format_of_a_recording_is_a_hint(recognition_api: RecognitionApi, name: str) -> None:
    assert recognition_api.post("/audio", audio=files.SPEECH, format=name)["digits"] == "7429"


def test_the_documentation_leads_to_the_page_to_try_it(recognition_api: RecognitionApi) -> None:
    description = recognition_api.request("GET", "/openapi.json").json["info"]["description"]
    assert "(try)" in description
    assert recognition_api.request("GET", "/try").status == 200

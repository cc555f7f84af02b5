"""Recognition as tasks: each performer calls the engine, as background work."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.providers.performers import recognition, registry
from chalicelib.providers.recognition import service
from tests.support.recognition import fake_engine as files
from tests.support.recognition.fake_engine import FakeEngine, encode

LINE = {"text": "ABC123", "confidence": 0.95, "x": 10, "y": 20, "width": 80, "height": 24}
BOX = {"label": "bicycle", "confidence": 0.9, "x": 100, "y": 60, "width": 40, "height": 50}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "recognition:ocr": (
        {"image": encode(files.TEXT)},
        {"text": "ABC123", "confidence": 0.95, "lines": (LINE,), "solver": "fake"},
    ),
    "recognition:slider": (
        {"background": encode(files.BACKGROUND), "slider": encode(files.PIECE)},
        {"offset_x": 145, "offset_y": 30, "confidence": 0.92, "solver": "fake"},
    ),
    "recognition:transcribe": (
        {"audio": encode(files.SPEECH)},
        {"text": "seven four two nine", "digits": "7429", "confidence": 0.9, "language": "en", "solver": "fake"},
    ),
    "recognition:detect": (
        {"image": encode(files.PHOTO), "target": "bicycle"},
        {"boxes": [BOX, BOX | {"x": 230, "y": 150, "height": 60}]},
    ),
    "recognition:classify": (
        {"images": [encode(files.TEXT), encode(files.PHOTO)], "category": "bicycle"},
        {"matches": [1], "confidence": [0.9]},
    ),
}


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    previous = service.use(None)
    yield files.use()
    service.use(previous)


@pytest.mark.parametrize("name", CASES)
def test_each_type_has_its_performer(engine: FakeEngine, name: str) -> None:
    payload, result = CASES[name]
    performer = registry.find_performer("coordinator", name)
    assert performer is not None and performer.name == name
    assert performer.perform(performer.input.model_validate(payload | {"other": 7})) == result
    assert [org for _, org in engine.jobs] == [None]


def test_every_type_is_tried_here() -> None:
    assert registry.task_types("coordinator") == tuple(sorted(CASES))
    assert all(map(registry.is_recognition, CASES))
    assert not registry.is_recognition("sentiment_analysis") and not registry.is_recognition(None)


@pytest.mark.parametrize("name", CASES)
def test_a_payload_that_lacks_a_field_or_is_no_file_is_refused(name: str) -> None:
    performer = registry.find_performer("coordinator", name)
    assert performer is not None
    payload, _ = CASES[name]
    for field in payload:
        for wrong in ({}, {field: "*"} if field not in ("target", "category") else {field: ""}):
            rest = {other: value for other, value in payload.items() if other != field}
            with pytest.raises(ValidationError):
                performer.input.model_validate(rest | wrong)


def test_to_look_at_a_payload_loads_no_engine() -> None:
    names = set(vars(importlib.import_module(recognition.__name__)))
    assert not names & {"numpy", "cv2", "PIL"}

"""Rekognition: its requests, and the meaning of its answers. `FakeService` answers as documented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest

from tests.support.recognition.extras import require

require("numpy", "PIL")

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from chalicelib.providers.recognition.recognizer import Box, Line, Match, Text, UnknownLabel  # noqa: E402
from chalicelib.providers.recognition.rekognition import MAX_BYTES, Rekognition  # noqa: E402


def box(left: float, top: float, width: float, height: float) -> dict[str, float]:
    return {"Left": left, "Top": top, "Width": width, "Height": height}


def word(text: str, place: dict[str, float], kind: str = "LINE", confidence: float = 99.5) -> dict[str, Any]:
    return {"DetectedText": text, "Type": kind, "Confidence": confidence, "Geometry": {"BoundingBox": place}}


CAR = {
    "Name": "Car",
    "Confidence": 98.7,
    "Instances": [
        {"BoundingBox": box(0.5, 0.5, 0.2, 0.1), "Confidence": 71.0},
        {"BoundingBox": box(0.1, 0.2, 0.25, 0.5), "Confidence": 98.7},
    ],
    "Parents": [{"Name": "Transportation"}, {"Name": "Vehicle"}],
    "Aliases": [{"Name": "Automobile"}],
}
PHONE = {"Name": "Mobile Phone", "Confidence": 80.0, "Instances": [], "Parents": [], "Aliases": []}
VOLCANO = {"Name": "Volcano", "Confidence": 66.0}


@dataclass
class FakeService:
    """Gives the same answer to every image, and records the images."""

    texts: Sequence[Mapping[str, Any]] = ()
    labels: Sequence[Mapping[str, Any]] = ()
    sent: list[Any] = field(default_factory=list)

    def detect_text(self, image: bytes) -> Sequence[Mapping[str, Any]]:
        self._keep(image)
        return self.texts

    def detect_labels(self, image: bytes, min_confidence: float) -> Sequence[Mapping[str, Any]]:
        self._keep(image)
        return [each for each in self.labels if each["Confidence"] >= min_confidence * 100]

    def _keep(self, content: bytes) -> None:
        assert len(content) <= MAX_BYTES
        self.sent.append(Image.open(BytesIO(content), formats=("PNG", "JPEG")))


def white(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


def test_lines_are_read_and_words_left_out() -> None:
    texts = [
        word("Second", box(0.1, 0.5, 0.5, 0.2), confidence=90.0),
        word("First", box(0.1, 0.1, 0.4, 0.2)),
        word("First", box(0.1, 0.1, 0.4, 0.2), "WORD"),
    ]
    text = Rekognition(FakeService(texts)).read_text(white(200, 100))
    assert text.text == "First\nSecond"
    assert text.lines == (Line("First", 0.995, 20, 10, 80, 20), Line("Second", 0.9, 20, 50, 100, 20))
    assert text.solver == "rekognition"


def test_no_text_is_none() -> None:
    assert Rekognition(FakeService()).read_text(white(200, 100)) == Text("", 0.0, (), "rekognition")


def test_a_small_image_is_padded_and_places_are_those_of_the_image() -> None:
    service = FakeService([word("ab", box(0.125, 0.25, 0.5, 0.25))])
    text = Rekognition(service).read_text(np.zeros((30, 40, 3), np.uint8))
    [sent] = service.sent
    assert sent.size == (80, 80)
    assert sent.getpixel((39, 29)) == (0, 0, 0)
    assert sent.getpixel((40, 29)) == sent.getpixel((39, 30)) == (255, 255, 255)
    assert text.lines[0] == Line("ab", 0.995, 10, 20, 30, 10)


@pytest.mark.parametrize("size", [(1, 1), (16_384, 1), (1, 16_384), (80, 80), (4_096, 4_096), (8_192, 2_000)])
def test_what_is_sent_is_within_the_limits(size: tuple[int, int]) -> None:
    service = FakeService()
    Rekognition(service).read_text(white(*size))
    assert all(80 <= side <= 4_096 for side in service.sent[0].size)


def test_a_large_image_is_sent_in_small_and_places_are_those_of_the_image() -> None:
    service = FakeService([word("ab", box(0.5, 0.5, 0.25, 0.25))])
    text = Rekognition(service).read_text(white(8_192, 2_000))
    assert service.sent[0].size == (4_096, 1_000)
    assert text.lines[0] == Line("ab", 0.995, 4_096, 1_000, 2_048, 500)


def test_what_is_too_many_bytes_as_png_is_sent_as_jpeg() -> None:
    service = FakeService()
    Rekognition(service).read_text(np.random.default_rng(1).integers(0, 256, (1_500, 1_500, 3), np.uint8))
    assert service.sent[0].format == "JPEG"


def test_what_is_too_many_bytes_as_a_good_jpeg_is_sent_as_a_lesser_one() -> None:
    service = FakeService()
    Rekognition(service).read_text(np.random.default_rng(1).integers(0, 256, (3_000, 3_000, 3), np.uint8))
    assert service.sent[0].size == (3_000, 3_000)


def test_what_is_found_beside_a_small_image_is_at_its_edge() -> None:
    service = FakeService([word("ab", box(0.75, 0.875, 0.125, 0.125))])
    text = Rekognition(service).read_text(white(40, 30))
    assert text.lines[0] == Line("ab", 0.995, 40, 30, 0, 0)


@pytest.mark.parametrize("label", ["car", "cars", "automobile"])
def test_objects_have_their_places_the_surest_first(label: str) -> None:
    boxes = Rekognition(FakeService(labels=[PHONE, CAR])).detect(white(200, 100), label)
    assert boxes == [Box("car", 0.987, 20, 20, 50, 50), Box("car", 0.71, 100, 50, 40, 10)]


def test_a_label_without_places_has_no_boxes() -> None:
    assert Rekognition(FakeService(labels=[PHONE])).detect(white(200, 100), "cell phone") == []
    assert Rekognition(FakeService(labels=[CAR])).detect(white(200, 100), "bus") == []


def test_an_unknown_object_is_refused_before_a_call() -> None:
    service = FakeService()
    with pytest.raises(UnknownLabel):
        Rekognition(service).detect(white(200, 100), "volcano")
    assert service.sent == []


@pytest.mark.parametrize(
    ("label", "confidences"),
    [
        ("car", [0.987]),
        ("vehicles", [0.987]),
        ("cell phones", [0.8]),
        ("volcanoes", [0.66]),
        ("bus", []),
        ("glacier", []),
    ],
)
def test_an_image_has_a_label_by_any_of_its_names(label: str, confidences: list[float]) -> None:
    matches = Rekognition(FakeService(labels=[CAR, PHONE, VOLCANO])).classify([white(200, 100)] * 2, label)
    assert matches == [Match(index, each) for index in (0, 1) for each in confidences]


def test_a_label_without_words_is_refused() -> None:
    with pytest.raises(UnknownLabel):
        Rekognition(FakeService()).classify([white(200, 100)], "?!")

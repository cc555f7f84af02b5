"""Amazon Rekognition as a recogniser of text and objects. It needs numpy and Pillow, and none of the engines.

Limits of Rekognition (https://docs.aws.amazon.com/rekognition/latest/dg/limits.html): PNG and JPEG, 5 MB, 80 pixels a
side at least and 10,000 at most, 100 words of text. So every image is encoded again, in small where it is too large,
and with white at its right and its bottom where it is too small: coordinates stay those of the image.
"""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.coco_labels import VOCABULARY
from chalicelib.providers.recognition.lines import arranged
from chalicelib.providers.recognition.recognizer import (
    Box,
    Capability,
    LabelledCapability,
    Line,
    Match,
    Text,
    UnknownLabel,
)
from chalicelib.providers.recognition.vocabulary import has_same_meaning, normalised

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Image

SOLVER = "rekognition"
MIN_SIDE, MAX_SIDE = 80, 4_096
MAX_BYTES = 5 * 1024 * 1024
MIN_CONFIDENCE = 0.55
"""Rekognition's own default."""
JPEG_QUALITIES = (90, 75, 50, 25)
"""The first is taken with which the image has no more than MAX_BYTES."""

Detection = Mapping[str, Any]


class Service(Protocol):
    """The two calls of Rekognition, with an image as PNG or JPEG. Both raise Unavailable."""

    def detect_text(self, image: bytes) -> Sequence[Detection]:
        """`TextDetections`."""

    def detect_labels(self, image: bytes, min_confidence: float) -> Sequence[Detection]:
        """`Labels` from this confidence on, from 0 to 1."""


class _Sent(NamedTuple):
    """An image as Rekognition gets it, which tells places as shares of `width` and `height`. Both are in pixels of the
    caller's image, of which `shown_width` and `shown_height` are there; the rest was added."""

    content: bytes
    width: float
    height: float
    shown_width: int
    shown_height: int


class Rekognition:
    """Text and objects, as a `Recognizer` has them. `Chosen` takes the other capabilities from another one."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def read_text(self, image: "Image") -> Text:
        sent = _sent(image)
        found = self._service.detect_text(sent.content)
        return arranged((_line(sent, each) for each in found if each["Type"] == "LINE"), SOLVER)

    def detect(self, image: "Image", label: str) -> Sequence[Box]:
        """The objects with a label of COCO: of others Rekognition tells no places, or no such list is known."""
        meant, sent = VOCABULARY.find(label), _sent(image)
        detections = self._service.detect_labels(sent.content, MIN_CONFIDENCE)
        boxes = [
            Box(meant, _share(instance), *_place(sent, instance))
            for detection in detections
            if _is_meant(detection, meant)
            for instance in detection.get("Instances", ())
        ]
        return sorted(boxes, key=lambda box: -box.confidence)

    def classify(self, images: Sequence["Image"], label: str) -> Sequence[Match]:
        """The images with this label, whatever it is: a label that Rekognition does not know is in none of them."""
        if not normalised(label):
            raise UnknownLabel(label, self.known_labels("classify"), ())
        meant = VOCABULARY.find(label) if VOCABULARY.knows(label) else label
        judged = [Match(index, self._surest(image, meant)) for index, image in enumerate(images)]
        return [match for match in judged if match.confidence >= MIN_CONFIDENCE]

    def known_labels(self, capability: LabelledCapability) -> Sequence[str]:  # noqa: ARG002 - they are the same
        return VOCABULARY.labels

    def solver(self, capability: Capability) -> str:  # noqa: ARG002 - it has one engine
        return SOLVER

    def _surest(self, image: "Image", label: str) -> float:
        found = self._service.detect_labels(_sent(image).content, MIN_CONFIDENCE)
        return max((_share(each) for each in found if _is_meant(each, label)), default=0.0)


def _is_meant(found: Detection, label: str) -> bool:
    """Whether the label that was found, another name of it, or a wider one is `label`."""
    return any(has_same_meaning(VOCABULARY, name, label) for name in _names(found))


def _names(detection: Detection) -> Iterator[str]:
    """A car is a vehicle, too, and is called an automobile."""
    yield detection["Name"]
    for kind in ("Aliases", "Parents"):
        yield from (each["Name"] for each in detection.get(kind, ()))


def _share(found: Detection) -> float:
    return round(float(found["Confidence"]) / 100, 4)


def _line(sent: _Sent, found: Detection) -> Line:
    return Line(found["DetectedText"], _share(found), *_place(sent, found["Geometry"]))


def _place(sent: _Sent, found: Detection) -> tuple[int, int, int, int]:
    """Left, top, width and height in pixels of the caller's image."""
    box = found["BoundingBox"]
    left = min(sent.shown_width, max(0, round(box["Left"] * sent.width)))
    top = min(sent.shown_height, max(0, round(box["Top"] * sent.height)))
    right = min(sent.shown_width, round((box["Left"] + box["Width"]) * sent.width))
    bottom = min(sent.shown_height, round((box["Top"] + box["Height"]) * sent.height))
    return left, top, max(0, right - left), max(0, bottom - top)


def _sent(image: "Image") -> _Sent:
    """The image as it is sent."""
    pillow = libraries.load("PIL.Image")
    height, width = image.shape[:2]
    scale = min(1.0, MAX_SIDE / max(width, height))
    picture = pillow.fromarray(image)
    if scale < 1:
        picture = picture.resize((max(1, round(width * scale)), max(1, round(height * scale))))
    paper_size = max(MIN_SIDE, picture.width), max(MIN_SIDE, picture.height)
    if paper_size != picture.size:
        paper = pillow.new("RGB", paper_size, "white")
        paper.paste(picture)
        picture = paper
    return _Sent(_encoded(picture), picture.width / scale, picture.height / scale, width, height)


def _encoded(picture: Any) -> bytes:
    """As PNG, which loses nothing, or as JPEG where that is too large, as good as it may be."""
    content = _saved(picture, "PNG", compress_level=3)
    for quality in JPEG_QUALITIES:
        if len(content) > MAX_BYTES:
            content = _saved(picture, "JPEG", quality=quality)
    return content


def _saved(picture: Any, kind: str, **options: int) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()

"""The recognisers (delqhi-platform.md, "OCR Solver" to "Image Classifier")."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from chalicelib.apis.recognition.answers import ClassifyOut, ClickOut, OffsetOut, SpeechOut, TextOut
from chalicelib.domain.recognition.base64_text import Base64File
from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine.recognition import recognition

routes = Routes("", tag="Recognition")

Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MAX_IMAGES = 32
IMAGE = "PNG, JPEG, WebP, GIF or BMP in base64, at most 16 million pixels; of an animation, the first picture is read."
RECORDING = "WAV, MP3, OGG, Opus, FLAC, M4A or WebM in base64, at most 60 seconds."


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Container = Annotated[Literal["wav", "mp3", "ogg", "opus", "flac", "m4a", "webm"], BeforeValidator(_lower)]


class Detailed(Schema):
    """A request whose answer can have more than the document shows."""

    details: bool = Field(
        default=False, strict=True, description="Whether the answer also has the places of what was found."
    )


class OcrIn(Detailed):
    """An image with text."""

    image: Base64File = Field(description=IMAGE)


class SliderIn(Detailed):
    """A background, and the piece that fits into it."""

    background: Base64File = Field(description=IMAGE)
    slider: Base64File = Field(description=f"{IMAGE} Its transparent pixels are no part of it.")


class AudioIn(Detailed):
    """A recording of speech in English."""

    audio: Base64File = Field(description=RECORDING)
    format: Container | None = Field(
        default=None, description="A hint. The recording's content decides how it is read.", examples=["mp3"]
    )


class ClickIn(Detailed):
    """An image, and what to look for in it."""

    image: Base64File = Field(description=IMAGE)
    target: Label = Field(
        description="One of 80 labels of everyday things, in the singular or plural. With another, the answer is 400 "
        "and lists them.",
        examples=["traffic lights"],
    )


class ImageClassifyIn(Schema):
    """Images, and what to look for in each of them."""

    images: list[Base64File] = Field(min_length=1, max_length=MAX_IMAGES, description=IMAGE)
    category: Label = Field(
        description="A label; with one that is not known the answer is 400 and lists some that are.",
        examples=["bicycle"],
    )


@routes.post("/ocr")
def read_text(caller: Caller, body: OcrIn) -> TextOut:
    """Read the text in an image."""
    return TextOut.from_text(recognition.read_text(caller.org, body.image), body.details)


@routes.post("/slider")
def find_offset(caller: Caller, body: SliderIn) -> OffsetOut:
    """Find where a piece fits its background."""
    return OffsetOut.from_offset(recognition.find_offset(caller.org, body.background, body.slider), body.details)


@routes.post("/audio")
def transcribe(caller: Caller, body: AudioIn) -> SpeechOut:
    """Write down the words of a recording."""
    return SpeechOut.from_transcript(recognition.transcribe(caller.org, body.audio), body.details)


@routes.post("/click")
def find_objects(caller: Caller, body: ClickIn) -> ClickOut:
    """Find the objects in an image that a label names."""
    boxes = recognition.find_objects(caller.org, body.image, body.target)
    return ClickOut.from_boxes(boxes, body.target, body.details)


@routes.post("/image-classify")
def find_images(caller: Caller, body: ImageClassifyIn) -> ClassifyOut:
    """Find the images that show something that a label names."""
    matches = recognition.find_images(caller.org, body.images, body.category)
    return ClassifyOut.from_matches(matches, body.category)

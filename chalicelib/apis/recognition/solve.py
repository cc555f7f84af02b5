"""One endpoint for all recognisers (delqhi-platform.md, "Unified Solver (Auto-Detect)")."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from pydantic import Field

from chalicelib.apis.recognition.answers import ClassifyOut, ClickOut, OffsetOut, SpeechOut, TextOut
from chalicelib.apis.recognition.routes import MAX_IMAGES, Container, Detailed, Label
from chalicelib.domain.recognition.base64_text import Base64File
from chalicelib.domain.recognition.choice import Recogniser, choose_recogniser, require_fields
from chalicelib.edge import Caller, Routes
from chalicelib.engine.recognition import recognition

routes = Routes("/solve", tag="Recognition")

T = TypeVar("T")
AUTO: Literal["auto"] = "auto"


class SolveIn(Detailed):
    """The fields of one of the other endpoints. Which fields they are, or `type`, decides what is recognised."""

    type: Literal["auto"] | Recogniser | Literal["image_classifier"] = Field(
        default=AUTO,
        description="`auto`: the fields decide. `image_classifier` is `image-classify`, as /health calls it.",
    )
    image: Base64File | None = None
    background: Base64File | None = None
    slider: Base64File | None = None
    audio: Base64File | None = None
    format: Container | None = None
    target: Label | None = None
    images: list[Base64File] | None = Field(default=None, min_length=1, max_length=MAX_IMAGES)
    category: Label | None = None

    @property
    def given_fields(self) -> set[str]:
        """The names of the fields that are given, without those that decide nothing."""
        return {name for name, value in self if value is not None} - {"type", "format", "details"}

    @property
    def recogniser(self) -> Recogniser:
        """What the request asks for. Raises InvalidRequest if its fields do not tell."""
        if self.type == AUTO:
            return choose_recogniser(self.given_fields)
        return "image-classify" if self.type == "image_classifier" else self.type


class SolvedText(TextOut):
    """The text of an image."""

    type: Literal["ocr"] = "ocr"


class SolvedOffset(OffsetOut):
    """The offset of a piece."""

    type: Literal["slider"] = "slider"


class SolvedSpeech(SpeechOut):
    """The words of a recording."""

    type: Literal["audio"] = "audio"


class SolvedClick(ClickOut):
    """The objects with a label."""

    type: Literal["click"] = "click"


class SolvedClassify(ClassifyOut):
    """The images with a label."""

    type: Literal["image-classify"] = "image-classify"


Solved = SolvedText | SolvedOffset | SolvedSpeech | SolvedClick | SolvedClassify


@routes.post()
def solve(caller: Caller, body: SolveIn) -> Solved:
    """Recognise what the fields of the request, or its `type`, ask for.

    The answer is that of the other endpoint, whose name is in `type`.
    """
    require_fields(body.recogniser, body.given_fields)
    return _SOLVERS[body.recogniser](caller.org, body)


def _solve_text(org: str, body: SolveIn) -> Solved:
    return SolvedText.from_text(recognition.read_text(org, _given(body.image)), body.details)


def _solve_offset(org: str, body: SolveIn) -> Solved:
    offset = recognition.find_offset(org, _given(body.background), _given(body.slider))
    return SolvedOffset.from_offset(offset, body.details)


def _solve_speech(org: str, body: SolveIn) -> Solved:
    return SolvedSpeech.from_transcript(recognition.transcribe(org, _given(body.audio)), body.details)


def _solve_click(org: str, body: SolveIn) -> Solved:
    target = _given(body.target)
    return SolvedClick.from_boxes(recognition.find_objects(org, _given(body.image), target), target, body.details)


def _solve_classify(org: str, body: SolveIn) -> Solved:
    category = _given(body.category)
    return SolvedClassify.from_matches(recognition.find_images(org, _given(body.images), category), category)


def _given(value: T | None) -> T:
    """A field that `require_fields` has required."""
    assert value is not None
    return value


_SOLVERS: Mapping[Recogniser, Callable[[str, SolveIn], Solved]] = {
    "ocr": _solve_text,
    "slider": _solve_offset,
    "audio": _solve_speech,
    "click": _solve_click,
    "image-classify": _solve_classify,
}

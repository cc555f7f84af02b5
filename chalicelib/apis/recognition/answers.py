"""What the recognisers answer, in the shapes of the document.

Beyond the documented fields an answer has `reason` when nothing was found, and the places of what was found when the
request asks for `details`.
"""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field

from chalicelib.edge import Schema
from chalicelib.engine.recognition.recognition import FOUND_FROM, Box, Match, Offset, Text, Transcript


def _optional(description: str) -> Any:
    """A field that is left out when it is None."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)


class LineOut(Schema):
    """A line of text, and the rectangle around it in pixels."""

    text: str
    confidence: float
    x: int
    y: int
    width: int
    height: int


class BoxOut(Schema):
    """An object, and the rectangle around it in pixels."""

    label: str
    confidence: float
    x: int
    y: int
    width: int
    height: int


class Point(Schema):
    """A place in the image, in pixels from its upper left corner, as it is shown: turned by its EXIF orientation."""

    x: int
    y: int


class TextOut(Schema):
    """The text of an image. `solver` is the engine."""

    success: bool
    text: str = Field(examples=["ABC123"])
    confidence: float = Field(ge=0, le=1, examples=[0.95])
    solver: str = Field(examples=["rapidocr"])
    lines: list[LineOut] | None = _optional("With `details`: each line, from top to bottom.")
    reason: str | None = _optional("Why nothing was found.")

    @classmethod
    def from_text(cls, text: Text, details: bool) -> Self:
        return cls(
            success=bool(text.text),
            text=text.text,
            confidence=text.confidence,
            solver=text.solver,
            lines=[LineOut(**_fields(line)) for line in text.lines] if details else None,
            reason=None if text.text else "The image shows no text",
        )


class OffsetOut(Schema):
    """How far the piece is from the left edge of the background, in pixels. Where `success` is false it is the best
    guess."""

    success: bool
    offset_x: int = Field(examples=[145])
    confidence: float = Field(ge=0, le=1, description="Below 0.5, the piece was not found.", examples=[0.92])
    offset_y: int | None = _optional("With `details`: how far it is from the upper edge.")
    reason: str | None = _optional("Why nothing was found.")

    @classmethod
    def from_offset(cls, offset: Offset, details: bool) -> Self:
        is_found = offset.confidence >= FOUND_FROM
        return cls(
            success=is_found,
            offset_x=offset.x,
            confidence=offset.confidence,
            offset_y=offset.y if details else None,
            reason=None if is_found else "The piece fits nowhere better than elsewhere, or is too flat to be found",
        )


class SpeechOut(Schema):
    """The words of a recording, and the digits among them."""

    success: bool
    text: str = Field(examples=["seven four two nine"])
    digits: str = Field(description="The digits that were said, as words or figures.", examples=["7429"])
    confidence: float | None = _optional("With `details`: how sure the engine is, from 0 to 1.")
    language: str | None = _optional("With `details`: the language of the words.")
    reason: str | None = _optional("Why nothing was found.")

    @classmethod
    def from_transcript(cls, transcript: Transcript, details: bool) -> Self:
        return cls(
            success=bool(transcript.text),
            text=transcript.text,
            digits=transcript.digits,
            confidence=transcript.confidence if details else None,
            language=transcript.language if details else None,
            reason=None if transcript.text else "The recording has no words",
        )


class ClickOut(Schema):
    """The middle of each object with the label, the surest first."""

    success: bool
    coordinates: list[Point]
    boxes: list[BoxOut] | None = _optional("With `details`: each object, in the same order.")
    reason: str | None = _optional("Why nothing was found.")

    @classmethod
    def from_boxes(cls, found_boxes: Sequence[Box], target: str, details: bool) -> Self:
        return cls(
            success=bool(found_boxes),
            coordinates=[Point(x=box.x + box.width // 2, y=box.y + box.height // 2) for box in found_boxes],
            boxes=[BoxOut(**_fields(box)) for box in found_boxes] if details else None,
            reason=None if found_boxes else f"The image shows nothing of this kind: {target}",
        )


class ClassifyOut(Schema):
    """The images with the label: their places in the list, from 0, and a confidence for each of them."""

    success: bool
    matches: list[int] = Field(examples=[[0, 3, 5]])
    confidence: list[float] = Field(examples=[[0.95, 0.88, 0.92]])
    reason: str | None = _optional("Why nothing was found.")

    @classmethod
    def from_matches(cls, found_matches: Sequence[Match], category: str) -> Self:
        return cls(
            success=bool(found_matches),
            matches=[match.index for match in found_matches],
            confidence=[match.confidence for match in found_matches],
            reason=None if found_matches else f"No image shows anything of this kind: {category}",
        )


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}

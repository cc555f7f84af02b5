"""What a recogniser can do, what it answers, and what it refuses: the interface of all engines.

Nothing here imports numpy or an engine: the libraries are an extra, and only a process that recognises loads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from chalicelib.errors import InvalidRequest, NotConfigured, Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image: TypeAlias = NDArray[np.uint8]
    """Height x width x 3 (RGB), or x 4 (RGBA) where an image was decoded with its transparency."""
    Audio: TypeAlias = NDArray[np.float32]
    """Mono samples between -1 and 1, SAMPLE_RATE of them a second."""

SAMPLE_RATE = 16_000
"""Samples a second of the audio that an engine takes."""

Capability = Literal["ocr", "offset", "transcribe", "detect", "classify"]
CAPABILITIES: tuple[Capability, ...] = ("ocr", "offset", "transcribe", "detect", "classify")
LabelledCapability = Literal["detect", "classify"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and the upright rectangle around it, in pixels from the image's upper left corner."""

    text: str
    confidence: float
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Text:
    """The text of an image, its lines from top to bottom. Without any text: "", confidence 0, no lines."""

    text: str
    confidence: float
    lines: tuple[Line, ...]
    solver: str


@dataclass(frozen=True, slots=True)
class Offset:
    """Where the upper left corner of the piece's image lies in the background, in pixels.

    A confidence below 0.5 says that the piece was not found: it is elsewhere, or too flat to be found.
    """

    x: int
    y: int
    confidence: float
    solver: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of a recording. Silence, noise and tones give "", with confidence 0."""

    text: str
    digits: str
    """The digits that were said, in their order, whether as words or as figures; "" if none was."""
    confidence: float
    language: str
    solver: str


@dataclass(frozen=True, slots=True)
class Box:
    """An object, by its label as `known_labels` has it, and the rectangle around it, in pixels."""

    label: str
    confidence: float
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Match:
    """An image that shows what was asked for, by its place in the sequence, from 0."""

    index: int
    confidence: float


class Recognizer(Protocol):
    """Recognises what is in decoded images and recordings. Thread-safe; its engines are loaded by their first call.

    Every method raises NotInstalled where its engine's libraries are missing, and Busy where too many calls wait.
    """

    def read_text(self, image: "Image") -> Text:
        """The text in an image."""

    def find_offset(self, background: "Image", piece: "Image") -> Offset:
        """Where a piece fits its background. The piece's transparent pixels, if it has any, are no part of it."""

    def transcribe(self, audio: "Audio") -> Transcript:
        """The words of a recording."""

    def detect(self, image: "Image", label: str) -> Sequence[Box]:
        """The objects with this label, the surest first. Raises UnknownLabel."""

    def classify(self, images: Sequence["Image"], label: str) -> Sequence[Match]:
        """The images that show something with this label, in their order. Raises UnknownLabel."""

    def known_labels(self, capability: LabelledCapability) -> Sequence[str]:
        """The labels that `detect` or `classify` knows, in alphabetical order; aliases and plurals are not in it."""

    def solver(self, capability: Capability) -> str:
        """The name of the engine behind a capability. Loads nothing."""


SHOWN_LABELS = 100
"""Labels in the message of an UnknownLabel; a longer list is cut."""


class UnreadableInput(InvalidRequest):
    """The bytes are not an image or a recording of an accepted kind, or they are damaged, or beyond a limit."""

    code = "unreadable_input"


class UnknownLabel(InvalidRequest):
    """The engine has no such label. The message lists the near ones first, and up to SHOWN_LABELS in all."""

    code = "unknown_label"

    def __init__(self, label: str, known_labels: Sequence[str], near: Sequence[str]) -> None:
        hint = f"did you mean {', '.join(near)}?" if near else "no known label is like it."
        listed = [*near, *(each for each in known_labels if each not in near)]
        more = f", and {len(listed) - SHOWN_LABELS} more" if len(listed) > SHOWN_LABELS else ""
        labels = ", ".join(listed[:SHOWN_LABELS])
        super().__init__(f'"{label[:100]}" is no known label; {hint} Known labels: {labels}{more}')
        self.label, self.known_labels, self.near = label, tuple(known_labels), tuple(near)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.label, self.known_labels, self.near)


class Busy(Unavailable):
    """Too many calls wait for the engine; `retry_after` says when another try is worth it."""

    code = "busy"


class NotInstalled(NotConfigured):
    """The engine's libraries or its model are not on this machine. The message says which."""

    code = "not_installed"

"""Pieces of text: each is found, cut out, and read upright; one that reads badly is also read upside down.

RapidOCR would ask a classifier for the direction of each piece, which takes most long lines of small print for upside
down. How well a piece reads tells the direction without such errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.errors import TooLarge
from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.engine import opencv

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Image

HEIGHT, LEAST_WIDTH = 48, 320
"""Pixels of a piece as the engine reads it; a narrower one is filled up to the width."""
MAX_WIDTH = 90_000
"""Pixels of all pieces of an image, side by side, as the engine reads them: 12 s of CPU, 5,000 characters."""
MAX_WIDTH_AGAIN = 15_000
"""Pixels of the pieces that are read a second time, upside down, before all others are taken as they are."""
SURE_SCORE = 0.9
"""Of 160 texts, 99 % score more upright, and 99 % less upside down."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text, the engine's score between 0 and 1, and its four corners in pixels (4 x 2)."""

    text: str
    score: float
    corners: Any
    is_upside_down: bool


def read(engine: Any, image: "Image") -> list[Piece]:
    """The pieces of an image in BGR, as RapidOCR finds them. Raises TooLarge before it reads more than MAX_WIDTH."""
    boxes = engine(image, use_cls=False, use_rec=False).boxes
    corners = [] if boxes is None else list(boxes)
    cuts = [_cut(image, each) for each in corners]
    _require_readable(cuts)
    reader = _Reader(engine)
    return [reader.read(*piece) for piece in zip(cuts, corners, strict=True)]


def _cut(image: "Image", corners: Any) -> "Image":
    """The piece, upright if it is wider than high, otherwise turned by 90 degrees."""
    cut: Image = libraries.load("rapidocr.utils.process_img").get_rotate_crop_image(image, corners.copy())
    return cut


def _require_readable(cuts: Sequence["Image"]) -> None:
    width = sum(map(_width, cuts))
    if width > MAX_WIDTH:
        raise TooLarge(
            f"The image has too much text for one request: {len(cuts)} pieces, {width / MAX_WIDTH:.1f} times what is "
            "read at once, which is about 5,000 characters. Send it in parts"
        )


def _width(cut: "Image") -> int:
    height, width = cut.shape[:2]
    return max(LEAST_WIDTH, HEIGHT * int(width) // max(1, int(height)))


class _Reader:
    """Reads the pieces of one image. Most have the same direction: it begins with the one of the piece before."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._is_turned = False
        self._width_again = 0

    def read(self, cut: "Image", corners: Any) -> Piece:
        """The piece, in the direction in which it reads better."""
        first = self._read(cut, corners)
        if first.score >= SURE_SCORE or self._width_again >= MAX_WIDTH_AGAIN:
            return first
        self._width_again += _width(cut)
        self._is_turned = not self._is_turned
        second = self._read(cut, corners)
        if second.score > first.score:
            return second
        self._is_turned = not self._is_turned
        return first

    def _read(self, cut: "Image", corners: Any) -> Piece:
        shown = opencv().rotate(cut, opencv().ROTATE_180) if self._is_turned else cut
        found = self._engine.recognize_txt([shown])
        (x1, y1), (x2, y2) = corners.min(0), corners.max(0)
        return Piece(found.txts[0], float(found.scores[0]), corners, self._is_turned and x2 - x1 >= y2 - y1)

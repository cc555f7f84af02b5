"""Text in images, by RapidOCR (https://github.com/RapidAI/RapidOCR) with its small models of PP-OCRv6."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.providers.recognition import libraries, pieces_of_text
from chalicelib.providers.recognition.engine import THREADS, Engine, opencv
from chalicelib.providers.recognition.lines import arranged
from chalicelib.providers.recognition.recognizer import Line, Text

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Image

SOLVER = "rapidocr"
MAX_SIDE = 2_000
"""Pixels; a larger image is searched in small."""
MIN_SIDE = 32
MIN_SCORE = 0.5
"""Of a piece that counts as text."""
MAX_RATIO = 20
"""Of the longer side to the shorter one: white is added to a narrower image."""

_SETTINGS = {
    "Global.log_level": "critical",
    "Global.max_side_len": MAX_SIDE,
    # The default would enlarge small images: 3 s and 800 MB for each.
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
    # One line at a time: six at once take twice the memory, and no less time on one thread.
    "Rec.rec_batch_num": 1,
    "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
    "EngineConfig.onnxruntime.inter_op_num_threads": THREADS,
}


class TextReader:
    """RapidOCR. Thread-safe."""

    def __init__(self) -> None:
        self._engine = Engine(_load)

    def read(self, image: "Image") -> Text:
        """The text, its lines from top to bottom, with a line break between two. Raises TooLarge."""
        padded, left, top = _padded(image)
        # A view with turned colours would be copied for each piece that is cut out.
        swapped = libraries.load("numpy").ascontiguousarray(padded[..., ::-1])
        with self._engine.turn() as engine:
            pieces = pieces_of_text.read(engine, swapped)
        legible = [piece for piece in pieces if piece.score >= MIN_SCORE and piece.text.strip()]
        lines = [_line(piece, left, top, image) for piece in legible]
        if 2 * sum(piece.is_upside_down for piece in legible) <= len(legible):
            return arranged(lines, SOLVER)
        return _turned(arranged(_turned_lines(lines, image), SOLVER), image)


def _load() -> Any:
    opencv()
    return libraries.load("rapidocr").RapidOCR(params=_SETTINGS)


def _padded(image: "Image") -> tuple["Image", int, int]:
    """The image with white around it where it is too small or too narrow, and the widths at its left and its top."""
    height, width = image.shape[:2]
    least = max(MIN_SIDE, -(-max(height, width) // MAX_RATIO))
    left, top = max(0, least - width) // 2, max(0, least - height) // 2
    if not left and not top:
        return image, 0, 0
    widths = ((top, top), (left, left), (0, 0))
    return libraries.load("numpy").pad(image, widths, constant_values=255), left, top


def _turned(text: Text, image: "Image") -> Text:
    return replace(text, lines=tuple(_turned_lines(text.lines, image)))


def _turned_lines(lines: Iterable[Line], image: "Image") -> list[Line]:
    """The lines with their places in the image turned by 180 degrees."""
    height, width = image.shape[:2]
    return [replace(line, x=width - line.x - line.width, y=height - line.y - line.height) for line in lines]


def _line(piece: pieces_of_text.Piece, left: int, top: int, image: "Image") -> Line:
    """A piece of a line, with the upright rectangle around its corners, cut at the image's edges."""
    height, width = image.shape[:2]
    (x1, y1), (x2, y2) = piece.corners.min(0).tolist(), piece.corners.max(0).tolist()
    x, right = (min(max(0, round(each) - left), width) for each in (x1, x2))
    y, bottom = (min(max(0, round(each) - top), height) for each in (y1, y2))
    return Line(piece.text.strip(), confidence(piece.text, piece.score), x, y, right - x, bottom - y)


def confidence(text: str, score: float) -> float:
    """How sure it is that every character is right.

    The engine's score is the mean of its characters': one wrong among many hardly lowers it. So the score is taken as
    each character's, and multiplied for all of them.
    """
    return round(min(1.0, score) ** max(1, len(text.replace(" ", ""))), 4)

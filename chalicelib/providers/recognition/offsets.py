"""Where a piece fits its background: normalised correlation (OpenCV's masked TM_CCOEFF_NORMED)."""

from math import exp, log, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.engine import opencv
from chalicelib.providers.recognition.recognizer import Offset, UnreadableInput

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Image

SOLVER = "opencv"
MAX_PIXELS = 640 * 480
"""Of a background that is searched as it is. A larger one is searched in small, and then near what was found."""
MAX_PIXELS_FOR_SMALL_PIECE = 1600 * 1200
MIN_SEARCHED_SIDE = 24
"""A piece that is smaller than this in pixels, when it is searched in small, looks like anything."""
OPAQUE_ABOVE = 128
"""The alpha above which a pixel belongs to the piece."""
MIN_CONTRAST = 3.0
"""The standard deviation of a piece's grey values below which it is flat, and could lie anywhere."""
_NEAR = 6
"""Pixels around the best place that are not another place."""


class _Peak(NamedTuple):
    x: int
    y: int
    height: float
    """The correlation there, from -1 to 1."""
    margin: float
    """How much higher than everywhere else, and than no correlation."""


def find(background: "Image", piece: "Image") -> Offset:
    """The piece's place. `piece` is RGBA, or RGB if all of it is the piece. Raises UnreadableInput for a piece without
    an opaque pixel, or one that is larger than the background."""
    colours, mask, left, top = _cropped(piece)
    if colours.shape[0] > background.shape[0] or colours.shape[1] > background.shape[1]:
        size = f"{colours.shape[1]} x {colours.shape[0]}"
        raise UnreadableInput(f"The piece, {size} pixels, is larger than the background")
    grey, template = _grey(background), _grey(colours)
    if template[mask > 0].std() < MIN_CONTRAST:
        return Offset(0, 0, 0.0, SOLVER)
    peak = _search(grey, template, mask)
    return Offset(peak.x - left, peak.y - top, confidence(peak.height, peak.margin), SOLVER)


def confidence(height: float, margin: float) -> float:
    """How sure it is that the best place is the right one, from its correlation and its lead over the second best.

    A logistic curve, fitted to 1,840 pieces with their own background, changed as scans change it, and with others.
    """
    if height <= 0 or margin <= 0:
        return 0.0
    evidence = 2.7 * log(margin) - 5.6 * log(1.02 - min(height, 1.0)) - 1.8
    return round(1 / (1 + exp(-evidence)), 4)


def _cropped(piece: "Image") -> tuple["Image", Any, int, int]:
    """The part of the piece with opaque pixels, a mask of them, and the part's left and top."""
    numpy = libraries.load("numpy")
    height, width, channels = piece.shape
    mask = piece[..., 3] > OPAQUE_ABOVE if channels == 4 else numpy.ones((height, width), bool)
    rows, columns = numpy.flatnonzero(mask.any(1)), numpy.flatnonzero(mask.any(0))
    if not rows.size:
        raise UnreadableInput("The piece is transparent everywhere")
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return piece[part][..., :3], mask[part].astype(numpy.uint8), int(columns[0]), int(rows[0])


def _grey(image: "Image") -> Any:
    cv2 = opencv()
    return cv2.cvtColor(libraries.load("numpy").ascontiguousarray(image), cv2.COLOR_RGB2GRAY)


def _search(grey: Any, template: Any, mask: Any) -> _Peak:
    """The best place; of a large background, first in small, then at its full size near what was found."""
    scale = _search_scale(grey.size, min(template.shape))
    if scale >= 1:
        return _best_place(_correlation(grey, template, mask))
    small = _best_place(_correlation(*(_scaled(each, scale) for each in (grey, template, mask))))
    (height, width), reach = template.shape, int(2 / scale) + 2
    left = max(0, min(int(small.x / scale), grey.shape[1] - width) - reach)
    top = max(0, min(int(small.y / scale), grey.shape[0] - height) - reach)
    near = grey[top : top + height + 2 * reach, left : left + width + 2 * reach]
    exact = _best_place(_correlation(near, template, mask))
    return small._replace(x=left + exact.x, y=top + exact.y)


def _search_scale(pixels: int, piece_side: int) -> float:
    """How much smaller the background is searched: to MAX_PIXELS, or less for a small piece, or as it is from 1 on."""
    wanted = max(sqrt(MAX_PIXELS / pixels), MIN_SEARCHED_SIDE / piece_side)
    return min(wanted, sqrt(MAX_PIXELS_FOR_SMALL_PIECE / pixels))


def _scaled(grey: Any, scale: float) -> Any:
    cv2 = opencv()
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def _correlation(grey: Any, template: Any, mask: Any) -> Any:
    """The correlation at each place; -1 where the background is flat, so that there is none."""
    numpy, cv2 = libraries.load("numpy"), opencv()
    found = cv2.matchTemplate(grey, template, cv2.TM_CCOEFF_NORMED, mask=mask)
    found[~numpy.isfinite(found) | (found > 1.001)] = -1
    return found


def _best_place(correlation: Any) -> _Peak:
    cv2 = opencv()
    _, height, _, (x, y) = cv2.minMaxLoc(correlation)
    elsewhere = correlation.copy()
    elsewhere[max(0, y - _NEAR) : y + _NEAR + 1, max(0, x - _NEAR) : x + _NEAR + 1] = -1
    return _Peak(int(x), int(y), float(height), float(height - max(0, elsewhere.max())))

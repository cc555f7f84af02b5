"""Objects in photos by NanoDet-g (https://github.com/RangiLyu/nanodet), for the 80 labels of COCO."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.coco_labels import LABELS
from chalicelib.providers.recognition.engine import Engine, onnx_session, opencv
from chalicelib.providers.recognition.recognizer import Box

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Image

SOLVER = "nanodet"
MODEL = "nanodet.onnx"
MIN_CONFIDENCE = 0.4
"""Measured on photos: lower finds more, and more that is not there."""
MAX_OVERLAP = 0.5
"""The share of two boxes' common area above which the less sure one is left out."""

RIVAL_OVERLAP = 0.7
"""The share of two boxes' common area above which boxes of two labels are of the same object."""
RIVAL_LEAD = 1.25
"""How many times as sure another label of the same object must be for a label to be left out."""

_SIDE = 416
_MEANS, _DEVIATIONS = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
"""Of blue, green and red, as it was trained."""
_SCORES_AND_DISTANCES = {
    52: ("Identity", "Identity_3"),
    26: ("Identity_1", "Identity_4"),
    13: ("Identity_2", "Identity_5"),
}
"""Cells a side -> the outputs for them: a score for each label, and how far the box's sides are, in eleven steps."""
_STEPS = 11


class Objects:
    """NanoDet. Thread-safe."""

    def __init__(self) -> None:
        self._engine = Engine(lambda: onnx_session(MODEL))

    def find(self, image: "Image", label: str, minimum: float = MIN_CONFIDENCE) -> list[Box]:
        """The objects with this label of COCO, the surest first. One that is clearly something else is left out."""
        number, (height, width) = LABELS.index(label), image.shape[:2]
        boxes, scores = self._candidates(image, minimum)
        own = [float(each[number]) for each in scores]
        rivals = [(box, max((*each[:number], *each[number + 1 :]))) for box, each in zip(boxes, scores, strict=True)]
        kept = opencv().dnn.NMSBoxes([list(box) for box in boxes], own, minimum, MAX_OVERLAP)
        cut = [
            _box(label, own[place], boxes[place], width, height)
            for place in kept
            if not any(_is_clearly_other(boxes[place], own[place], *rival) for rival in rivals)
        ]
        # Of a narrow image the square has wide borders, where nothing can be.
        return [box for box in cut if box.width and box.height]

    def _candidates(self, image: "Image", minimum: float) -> tuple[list[Any], list[Any]]:
        """Left, top, width and height of each candidate, in the image's pixels, and its score for each label."""
        picture, scale, left, top = _letterbox(image)
        with self._engine.turn() as session:
            outputs = dict(zip(_names(session), session.run(None, {"input_1": _normalised(picture)}), strict=True))
        boxes, scores = [], []
        for (x1, y1, x2, y2), score in _decoded(outputs, minimum):
            boxes.append(((x1 - left) * scale, (y1 - top) * scale, (x2 - x1) * scale, (y2 - y1) * scale))
            scores.append(score)
        return boxes, scores


def _names(session: Any) -> list[str]:
    return [output.name for output in session.get_outputs()]


def _letterbox(image: "Image") -> tuple["Image", float, int, int]:
    """The image within a black square, pixels of the image for one of the square, and the borders' widths."""
    numpy, cv2 = libraries.load("numpy"), opencv()
    height, width = image.shape[:2]
    scale = max(height, width) / _SIDE
    inner = max(1, round(width / scale)), max(1, round(height / scale))
    left, top = (_SIDE - inner[0]) // 2, (_SIDE - inner[1]) // 2
    square = numpy.zeros((_SIDE, _SIDE, 3), numpy.uint8)
    square[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    return square, scale, left, top


def _normalised(square: "Image") -> Any:
    """What NanoDet takes: blue, green and red, about 0, channels first."""
    numpy = libraries.load("numpy")
    values = (square[..., ::-1].astype(numpy.float32) - numpy.float32(_MEANS)) / numpy.float32(_DEVIATIONS)
    return numpy.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _decoded(outputs: dict[str, Any], minimum: float) -> Iterator[tuple[Any, Any]]:
    """The box, by its corners in the square, and the scores of each cell that is sure enough of a label."""
    numpy = libraries.load("numpy")
    for cells, (scores, distances) in _SCORES_AND_DISTANCES.items():
        stride = _SIDE / cells
        for cell in numpy.flatnonzero(outputs[scores][0].max(1) > minimum):
            weights = numpy.exp(outputs[distances][0, cell].reshape(4, _STEPS))
            sides = (weights * numpy.arange(_STEPS)).sum(1) / weights.sum(1) * stride
            x, y = (cell % cells + 0.5) * stride, (cell // cells + 0.5) * stride
            yield (x - sides[0], y - sides[1], x + sides[2], y + sides[3]), outputs[scores][0, cell]


def _is_clearly_other(box: Sequence[float], score: float, rival: Sequence[float], rival_score: float) -> bool:
    """Whether the two boxes are of the same object, and the rival's label is clearly better."""
    return rival_score >= RIVAL_LEAD * score and _overlap(box, rival) > RIVAL_OVERLAP


def _overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """The common area of two boxes (left, top, width, height), as a share of what both cover."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    common = max(0.0, width) * max(0.0, height)
    return common / max(1.0, first[2] * first[3] + second[2] * second[3] - common)


def _box(label: str, score: float, box: tuple[float, ...], width: int, height: int) -> Box:
    """The box, cut at the image's edges."""
    left, top = max(0, round(box[0])), max(0, round(box[1]))
    right, bottom = min(width, round(box[0] + box[2])), min(height, round(box[1] + box[3]))
    return Box(label, round(score, 4), left, top, max(0, right - left), max(0, bottom - top))

"""What a photo shows as a whole, by EfficientNet-lite0 (https://github.com/tensorflow/tpu), for ImageNet's classes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.engine import Engine, model_path, onnx_session, opencv
from chalicelib.providers.recognition.vocabulary import Vocabulary, normalised

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Image

SOLVER = "efficientnet-lite0"
MODEL, NAMES = "efficientnet-lite0.onnx", "efficientnet-lite0.txt"
MIN_CONFIDENCE = 0.2
"""Of 1,000 classes: measured on photos of each."""
MIN_GROUP = 2
"""Classes that must end with the same word before the word is a label of its own, such as "shark"."""

_SIDE = 224
_SHOWN_SHARE = 224 / 256
"""Of the shorter side, about the middle: as it was trained."""


class Categories:
    """EfficientNet-lite0. Thread-safe."""

    def __init__(self) -> None:
        self._engine = Engine(lambda: onnx_session(MODEL))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Each class by its usual name, and words that several classes end with; further names are aliases."""
        aliases = {alias: names[0] for names in reversed(self._names) for alias in names[1:]}
        labels = {names[0] for names in self._names} | set(self._groups)
        return Vocabulary(labels, {alias: label for alias, label in aliases.items() if alias not in labels})

    def probability(self, image: "Image", label: str) -> float:
        """How sure it is that the image shows a class with this label of the vocabulary."""
        with self._engine.turn() as session:
            (probabilities,) = session.run(None, {"image": _normalised(image)})
        return min(1.0, sum(float(probabilities[0, number]) for number in self._classes[label]))

    @cached_property
    def _names(self) -> Sequence[Sequence[str]]:
        """The names of each class, the usual one first."""
        lines = model_path(NAMES).read_text(encoding="utf-8").splitlines()
        return [[normalised(name) for name in line.split(", ")] for line in lines]

    @cached_property
    def _groups(self) -> Mapping[str, frozenset[int]]:
        """Word that several usual names end with -> the classes of which any name does."""
        usual = Counter(names[0].split()[-1] for names in self._names)
        groups: dict[str, set[int]] = defaultdict(set)
        for number, names in enumerate(self._names):
            for word in {name.split()[-1] for name in names}:
                groups[word].add(number)
        return {word: frozenset(groups[word]) for word, count in usual.items() if count >= MIN_GROUP}

    @cached_property
    def _classes(self) -> Mapping[str, frozenset[int]]:
        """Label -> its classes."""
        classes: dict[str, set[int]] = defaultdict(set)
        for number, names in enumerate(self._names):
            classes[names[0]].add(number)
        return {**{label: frozenset(group) for label, group in classes.items()}, **self._groups}


def _normalised(image: "Image") -> Any:
    """The middle of the image, as the model takes it: RGB about 0, channels first."""
    numpy, cv2 = libraries.load("numpy"), opencv()
    height, width = image.shape[:2]
    side = max(1, int(min(height, width) * _SHOWN_SHARE))
    top, left = (height - side) // 2, (width - side) // 2
    kind = cv2.INTER_AREA if side > _SIDE else cv2.INTER_CUBIC
    middle = cv2.resize(image[top : top + side, left : left + side], (_SIDE, _SIDE), interpolation=kind)
    return numpy.ascontiguousarray(((middle.astype(numpy.float32) - 127) / 128).transpose(2, 0, 1)[None])

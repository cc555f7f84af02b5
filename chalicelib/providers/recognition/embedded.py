"""The recogniser whose engines run within this process, without a network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.providers.recognition import categories, coco_labels, objects, offsets, speech, text
from chalicelib.providers.recognition.recognizer import (
    Box,
    Capability,
    LabelledCapability,
    Match,
    Offset,
    Text,
    Transcript,
    UnknownLabel,
)

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Audio, Image

SOLVERS: dict[Capability, str] = {
    "ocr": text.SOLVER,
    "offset": offsets.SOLVER,
    "transcribe": speech.SOLVER,
    "detect": objects.SOLVER,
    "classify": objects.SOLVER,
}


class Embedded:
    """A `Recognizer`. Keep one for a process: each of its engines takes 50 to 200 MB once it is loaded."""

    def __init__(self) -> None:
        self._text = text.TextReader()
        self._speech = speech.SpeechReader()
        self._objects = objects.Objects()
        self._categories = categories.Categories()

    def read_text(self, image: "Image") -> Text:
        return self._text.read(image)

    def find_offset(self, background: "Image", piece: "Image") -> Offset:
        return offsets.find(background, piece)

    def transcribe(self, audio: "Audio") -> Transcript:
        return self._speech.read(audio)

    def detect(self, image: "Image", label: str) -> Sequence[Box]:
        return self._objects.find(image, self._object(label))

    def classify(self, images: Sequence["Image"], label: str) -> Sequence[Match]:
        """The images that show an object with a label of COCO; with another label, those that show it as a whole."""
        if coco_labels.VOCABULARY.knows(label):
            meant, minimum, judge = coco_labels.VOCABULARY.find(label), objects.MIN_CONFIDENCE, self._surest
        else:
            meant, minimum, judge = self._category(label), categories.MIN_CONFIDENCE, self._categories.probability
        judged = [Match(index, round(judge(image, meant), 4)) for index, image in enumerate(images)]
        return [match for match in judged if match.confidence >= minimum]

    def known_labels(self, capability: LabelledCapability) -> Sequence[str]:
        if capability == "detect":
            return coco_labels.VOCABULARY.labels
        return sorted({*coco_labels.VOCABULARY.labels, *self._categories.vocabulary.labels})

    def solver(self, capability: Capability) -> str:
        return SOLVERS[capability]

    def _surest(self, image: "Image", label: str) -> float:
        return max((box.confidence for box in self._objects.find(image, label)), default=0.0)

    def _object(self, label: str) -> str:
        """The object that is meant. Raises UnknownLabel; for a word that is a category, it names no label that is
        only spelled like it."""
        try:
            return coco_labels.VOCABULARY.find(label)
        except UnknownLabel as error:
            if not self._categories.vocabulary.knows(label):
                raise
            raise UnknownLabel(label, error.known_labels, coco_labels.VOCABULARY.related(label)) from None

    def _category(self, label: str) -> str:
        """The category that is meant. Raises UnknownLabel, which names the labels of COCO, too."""
        try:
            return self._categories.vocabulary.find(label)
        except UnknownLabel as error:
            near = list(dict.fromkeys([*coco_labels.VOCABULARY.near(label), *error.near]))
            raise UnknownLabel(label, self.known_labels("classify"), near) from None

"""A recogniser whose capabilities are those of several."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.providers.recognition.recognizer import (
    Box,
    Capability,
    LabelledCapability,
    Match,
    Offset,
    Recognizer,
    Text,
    Transcript,
)

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Audio, Image


class Chosen:
    """A `Recognizer`: a capability is that of `others`, which needs to have no other, or that of `usual`."""

    def __init__(self, others: Mapping[Capability, Any], usual: Recognizer) -> None:
        self._others, self._usual = others, usual

    def read_text(self, image: "Image") -> Text:
        return self._of("ocr").read_text(image)

    def find_offset(self, background: "Image", piece: "Image") -> Offset:
        return self._of("offset").find_offset(background, piece)

    def transcribe(self, audio: "Audio") -> Transcript:
        return self._of("transcribe").transcribe(audio)

    def detect(self, image: "Image", label: str) -> Sequence[Box]:
        return self._of("detect").detect(image, label)

    def classify(self, images: Sequence["Image"], label: str) -> Sequence[Match]:
        return self._of("classify").classify(images, label)

    def known_labels(self, capability: LabelledCapability) -> Sequence[str]:
        return self._of(capability).known_labels(capability)

    def solver(self, capability: Capability) -> str:
        return self._of(capability).solver(capability)

    def _of(self, capability: Capability) -> Recognizer:
        chosen: Recognizer = self._others.get(capability, self._usual)
        return chosen

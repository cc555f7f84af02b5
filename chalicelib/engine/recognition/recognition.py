"""The recognisers, as callers ask for them: a file comes in undecoded, and the answer goes out.

Nothing is stored, and no call goes to AWS but those of a configured recogniser. All functions raise InvalidRequest for
a file that cannot be read and a label that nobody knows, TooLarge beyond a limit, and Unavailable while recognition is
busy, not installed or switched off.
"""

from collections.abc import Sequence
from typing import cast

from chalicelib.errors import InvalidRequest
from chalicelib.providers.recognition import service
from chalicelib.providers.recognition.jobs import File, Job
from chalicelib.providers.recognition.recognizer import Box as Box
from chalicelib.providers.recognition.recognizer import LabelledCapability, UnknownLabel
from chalicelib.providers.recognition.recognizer import Match as Match
from chalicelib.providers.recognition.recognizer import Offset as Offset
from chalicelib.providers.recognition.recognizer import Text as Text
from chalicelib.providers.recognition.recognizer import Transcript as Transcript


class UnknownLabelNamed(InvalidRequest):
    """An unknown label, with the name of the field that it came in."""

    code = UnknownLabel.code


FOUND_FROM = 0.5
"""The confidence from which on a piece counts as found."""


def read_text(org: str, image: bytes) -> Text:
    """The text in an image."""
    return cast(Text, service.recognize(Job("ocr", (File("image", image),)), org))


def find_offset(org: str, background: bytes, piece: bytes) -> Offset:
    """Where a piece fits its background. The caller calls the piece a slider."""
    files = File("background", background), File("slider", piece)
    return cast(Offset, service.recognize(Job("offset", files), org))


def transcribe(org: str, audio: bytes) -> Transcript:
    """The words of a recording."""
    return cast(Transcript, service.recognize(Job("transcribe", (File("audio", audio),)), org))


def find_objects(org: str, image: bytes, target: str) -> tuple[Box, ...]:
    """The objects in an image that the label `target` names, the surest first."""
    return cast(tuple[Box, ...], _look_for(org, "detect", (File("image", image),), "target", target))


def find_images(org: str, images: Sequence[bytes], category: str) -> tuple[Match, ...]:
    """The images that show something that the label `category` names, in their order."""
    files = tuple(File(f"images.{index}", image) for index, image in enumerate(images))
    return cast(tuple[Match, ...], _look_for(org, "classify", files, "category", category))


def _look_for(org: str, capability: LabelledCapability, files: tuple[File, ...], field: str, label: str) -> object:
    try:
        return service.recognize(Job(capability, files, label), org)
    except UnknownLabel as error:
        raise UnknownLabelNamed(f"{field}: {error.message}", fields={field: error.message}) from None

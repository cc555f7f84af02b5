"""Jobs: files to recognise, as the caller sent them, and how a job and its answer cross to another process.

A job is decoded where it is performed, and nowhere else. Answers cross as JSON: the process that decoded a hostile file
is not trusted any more.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.errors import InvalidRequest, TooLarge, Unavailable, YardmasterError
from chalicelib.providers.recognition.recognizer import (
    Box,
    Busy,
    Capability,
    Line,
    Match,
    NotInstalled,
    Offset,
    Text,
    Transcript,
    UnknownLabel,
    UnreadableInput,
)

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Recognizer

Json = dict[str, Any]
Answer = Text | Offset | Transcript | tuple[Box, ...] | tuple[Match, ...]


class File(NamedTuple):
    """A file, and the name of the field that it came in, which errors about it begin with."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Job:
    """One call of a recogniser. The files of `offset` are the background and the piece; `classify` takes many, the
    other capabilities one. `label` is what `detect` and `classify` look for."""

    capability: Capability
    files: tuple[File, ...]
    label: str = ""


def perform(job: Job, recognizer: "Recognizer") -> Answer:
    """Decode the files and recognise them. Raises the errors of decoding and of the recogniser."""
    from chalicelib.providers.recognition import images, sounds

    match job.capability:
        case "ocr":
            return recognizer.read_text(_decoded(job.files[0], images.decode))
        case "offset":
            background, piece = job.files
            return recognizer.find_offset(
                _decoded(background, images.decode), _decoded(piece, images.decode_with_alpha)
            )
        case "transcribe":
            return recognizer.transcribe(_decoded(job.files[0], sounds.decode))
        case "detect":
            return tuple(recognizer.detect(_decoded(job.files[0], images.decode), job.label))
        case "classify":
            return _classify_each(job, recognizer, images.decode)


def _classify_each(job: Job, recognizer: "Recognizer", decode: Callable[[bytes], Any]) -> tuple[Match, ...]:
    """The images one after the other: decoded, each can take 50 MB."""
    matches = []
    for index, file in enumerate(job.files):
        found = recognizer.classify([_decoded(file, decode)], job.label)
        matches += [Match(index, match.confidence) for match in found]
    return tuple(matches)


def _decoded(file: File, decode: Callable[[bytes], Any]) -> Any:
    try:
        return decode(file.content)
    except (UnreadableInput, TooLarge) as error:
        raise type(error)(f"{file.name}: {error.message}", fields={file.name: error.message}) from error


def pack_job(job: Job) -> bytes:
    """The job as one message: a line of JSON, and the files behind it."""
    names = [[file.name, len(file.content)] for file in job.files]
    head = {"capability": job.capability, "label": job.label, "files": names}
    return b"\n".join([json.dumps(head).encode(), b"".join(file.content for file in job.files)])


def unpack_job(message: bytes) -> Job:
    """The job of a message of `pack_job`."""
    head, _, contents = message.partition(b"\n")
    fields = json.loads(head)
    ends = list(accumulate(size for _, size in fields["files"]))
    files = (File(name, contents[end - size : end]) for (name, size), end in zip(fields["files"], ends, strict=True))
    return Job(fields["capability"], tuple(files), fields["label"])


def pack_answer(answer: Answer) -> Json:
    """The answer as JSON."""
    return {"answer": [asdict(part) for part in answer] if isinstance(answer, tuple) else asdict(answer)}


def pack_refusal(error: YardmasterError) -> Json:
    """An error of `perform` as JSON; one of another class is passed on as the nearest of those that can cross."""
    name = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _REFUSALS)
    facts = {"message": error.message, "fields": error.fields, "retry_after": getattr(error, "retry_after", None)}
    if isinstance(error, UnknownLabel):
        facts |= {"label": error.label, "known": error.known_labels, "near": error.near}
    return {"refused": name, **facts}


def unpack_answer(capability: Capability, message: Json) -> Answer:
    """The answer of a message. Raises the error that it holds instead."""
    if "refused" in message:
        raise _REFUSALS[message["refused"]](message)
    return _ANSWERS[capability](message["answer"])


def _text(fields: Json) -> Text:
    return Text(**(fields | {"lines": tuple(Line(**line) for line in fields["lines"])}))


def _boxes(parts: Sequence[Json]) -> tuple[Box, ...]:
    return tuple(Box(**part) for part in parts)


def _matches(parts: Sequence[Json]) -> tuple[Match, ...]:
    return tuple(Match(**part) for part in parts)


_ANSWERS: Mapping[Capability, Callable[[Any], Answer]] = {
    "ocr": _text,
    "offset": lambda fields: Offset(**fields),
    "transcribe": lambda fields: Transcript(**fields),
    "detect": _boxes,
    "classify": _matches,
}
_REFUSALS: Mapping[str, Callable[[Json], YardmasterError]] = {
    "UnreadableInput": lambda said: UnreadableInput(said["message"], fields=said["fields"]),
    "TooLarge": lambda said: TooLarge(said["message"], fields=said["fields"]),
    "UnknownLabel": lambda said: UnknownLabel(said["label"], said["known"], said["near"]),
    "InvalidRequest": lambda said: InvalidRequest(said["message"], fields=said["fields"]),
    "Busy": lambda said: Busy(said["message"], retry_after=said["retry_after"]),
    "NotInstalled": lambda said: NotInstalled(said["message"]),
    "Unavailable": lambda said: Unavailable(said["message"], retry_after=said["retry_after"]),
}

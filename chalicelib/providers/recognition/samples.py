"""Built-in samples: an engine counts as loaded once it has recognised one. `NOTICE` says where they come from."""

from functools import cache
from pathlib import Path

from chalicelib.providers.recognition.jobs import Answer, File, Job
from chalicelib.providers.recognition.recognizer import Capability, Offset, Text, Transcript

FOLDER = Path(__file__).parent / "samples"
TEXT, DIGITS, CAT = "YARD7429", "7429", "cat"
OFFSET_X, OFFSET_Y = 181, 70
TOLERANCE_PIXELS = 2


@cache
def job(capability: Capability) -> Job:
    """The job whose answer `is_right` knows."""
    match capability:
        case "ocr":
            return _job(capability, "text.png")
        case "offset":
            return _job(capability, "background.jpg", "piece.png")
        case "transcribe":
            return _job(capability, "speech.ogg")
        case "detect" | "classify":
            return _job(capability, "cat.jpg", label=CAT)


def _job(capability: Capability, *names: str, label: str = "") -> Job:
    return Job(capability, tuple(File(name, (FOLDER / name).read_bytes()) for name in names), label)


def is_right(answer: Answer) -> bool:
    """Whether this is the answer to a sample."""
    match answer:
        case Text(text=text):
            return "".join(text.split()) == TEXT
        case Offset(x=x, y=y):
            return abs(x - OFFSET_X) <= TOLERANCE_PIXELS and abs(y - OFFSET_Y) <= TOLERANCE_PIXELS
        case Transcript(digits=digits):
            return digits == DIGITS
        case _:
            return bool(answer)

"""A recogniser for the tests of its process: the content of a file says what happens. It needs no libraries."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from chalicelib.providers.recognition import images, samples, sounds
from chalicelib.providers.recognition.recognizer import (
    Box,
    Line,
    Match,
    NotInstalled,
    Offset,
    Text,
    Transcript,
    UnknownLabel,
)

FACTORY = f"{__name__}:make"
GROWN_BYTES = 300 * 1024 * 1024


class ScriptedRecognizer:
    """Does what a file says, such as b"signal 11", and reads it as the text of the image."""

    def __init__(self) -> None:
        self._grown = b""

    def read_text(self, image: Any) -> Text:
        if bytes(image).startswith(b"\x89PNG"):
            return self._read(samples.TEXT)
        word, _, rest = bytes(image).decode().partition(" ")
        return getattr(self, f"_{word}", self._read)(rest or word)

    def _read(self, text: str) -> Text:
        return Text(text, 0.9, (Line(text, 0.9, 1, 2, 3, 4),), "scripted")

    def _signal(self, number: str) -> Text:
        os.kill(os.getpid(), int(number))
        signal.pause()
        return self._read("survived")

    def _once(self, marker: str) -> Text:
        """Be killed, as by somebody from outside, unless it has happened before."""
        if not Path(marker).exists():
            Path(marker).touch()
            self._signal(str(int(signal.SIGKILL)))
        return self._read("survived")

    def _spin(self, _: str) -> Text:
        while True:
            pass

    def _sleep(self, seconds: str) -> Text:
        time.sleep(float(seconds))
        return self._read("slept")

    def _exit(self, status: str) -> Text:
        os._exit(int(status))

    def _raise(self, message: str) -> Text:
        raise ValueError(message)

    def _allocate(self, size: str) -> Text:
        return self._read(str(len(bytes(int(size)))))  # zeros that are not touched occupy nothing

    def _memory(self, _: str) -> Text:
        raise MemoryError

    def _missing(self, module: str) -> Text:
        raise NotInstalled(f"Recognition needs {module}")

    def _print(self, text: str) -> Text:
        print(text)
        return self._read("printed")

    def _chatter(self, _: str) -> Text:
        return self._read("x" * 5_000_000)

    def _grow(self, _: str) -> Text:
        self._grown = b"x" * GROWN_BYTES
        return self._read("grown")

    def _pid(self, _: str) -> Text:
        return self._read(str(os.getpid()))

    def find_offset(self, background: Any, piece: Any) -> Offset:
        return Offset(samples.OFFSET_X, samples.OFFSET_Y, len(piece) / (1 + len(background) + len(piece)), "scripted")

    def transcribe(self, audio: Any) -> Transcript:
        return Transcript("seven four two nine", samples.DIGITS, 0.9, "en", "scripted")

    def detect(self, image: Any, label: str) -> list[Box]:
        if label == "unheard of":
            raise UnknownLabel(label, ("bus", "cat"), ("cat",))
        return [Box(label, 0.8, 1, 2, 3, 4)]

    def classify(self, images: Any, label: str) -> list[Match]:
        return [Match(index, 0.7) for index, image in enumerate(images) if image != b"other"]

    def known_labels(self, capability: str) -> tuple[str, ...]:
        return ("bus", "cat")

    def solver(self, capability: str) -> str:
        return "scripted"


class UnableRecognizer(ScriptedRecognizer):
    """Does what BROKEN_SAMPLE says with its own sample."""

    def read_text(self, image: Any) -> Text:
        return super().read_text(os.environ[BROKEN_SAMPLE].encode())


BROKEN_SAMPLE = "TEST_BROKEN_SAMPLE"
UNABLE_FACTORY = f"{__name__}:make_unable"


def make_unable() -> UnableRecognizer:
    """A recogniser that is at fault itself."""
    make()
    return UnableRecognizer()


def make() -> ScriptedRecognizer:
    """The recogniser, in a process in which nothing is decoded."""
    images.decode = images.decode_with_alpha = sounds.decode = lambda content: content
    print("libraries print what they like", file=sys.stdout)
    return ScriptedRecognizer()

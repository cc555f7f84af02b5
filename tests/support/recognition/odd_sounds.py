"""Sound files of each accepted container, and damaged and hostile ones, each made in memory."""

import struct
from io import BytesIO
from typing import Any, NamedTuple

import av
import numpy as np


class Kind(NamedTuple):
    """A container, a codec that it may hold, and FFmpeg's names for both."""

    container: str
    codec: str
    rate: int = 48_000


KINDS = {
    "wav": Kind("wav", "pcm_s16le"),
    "wav of 24 bits": Kind("wav", "pcm_s24le"),
    "wav, 8 kHz": Kind("wav", "pcm_s16le", 8_000),
    "wav, mu-law": Kind("wav", "pcm_mulaw", 8_000),
    "mp3": Kind("mp3", "libmp3lame"),
    "ogg": Kind("ogg", "vorbis"),
    "opus": Kind("ogg", "libopus"),
    "flac": Kind("flac", "flac"),
    "m4a": Kind("ipod", "aac"),
    "m4a, lossless": Kind("ipod", "alac"),
    "webm": Kind("webm", "libopus"),
}


def tone(seconds: float, rate: int = 16_000, frequency: float = 440) -> Any:
    """A sine of a third of the full scale."""
    samples = np.sin(np.arange(int(seconds * rate)) * (2 * np.pi * frequency / rate)) / 3
    return samples.astype(np.float32)


def encode(samples: Any, kind: Kind, channels: int = 1, bits_a_second: int | None = None) -> bytes:
    """A sound file of these samples, in each channel the same."""
    file = BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    interleaved = np.repeat((samples * 32_767).astype(np.int16)[:, None], channels, axis=1).reshape(1, -1)
    with av.open(file, "w", format=kind.container) as container:
        stream = container.add_stream(kind.codec, rate=kind.rate, layout=layout, options={"strict": "experimental"})
        if bits_a_second:
            stream.bit_rate = bits_a_second
        frame = av.AudioFrame.from_ndarray(interleaved, format="s16", layout=layout)
        frame.sample_rate, frame.pts = kind.rate, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()


def wav(samples: Any, rate: int = 16_000) -> bytes:
    """A mono WAV of 16 bits, with this rate in its header."""
    data: bytes = (samples * 32_767).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2 & 0xFFFFFFFF, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def floating_wav(samples: Any, rate: int = 16_000) -> bytes:
    """A mono WAV of these floating-point samples, whatever they are."""
    data: bytes = samples.astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, rate, rate * 4, 4, 32)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def video_without_sound() -> bytes:
    """A WebM with one picture."""
    file = BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=1)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()

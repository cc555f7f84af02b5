"""Image files of unusual kinds, and damaged and hostile ones, each made in memory."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE, YELLOW = (200, 30, 30), (30, 170, 30), (30, 30, 200), (220, 220, 30)


def quarters(width: int = 64, height: int = 48) -> Any:
    """Red, green, blue and yellow, from the upper left to the lower right: shows how an image is turned."""
    pixels: Any = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, YELLOW
    return Image.fromarray(pixels)


def save(image: Any, kind: str, **options: Any) -> bytes:
    """The image as a file."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned_jpeg(orientation: int) -> bytes:
    """A JPEG whose EXIF says how a viewer turns it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save(quarters(), "JPEG", quality=95, exif=exif)


def png(width: int, height: int, depth: int, colour: int, data: bytes, *chunks: bytes) -> bytes:
    """A PNG with this header, whatever its data are."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [_chunk(b"IHDR", header), *chunks, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side: int = 12_000) -> bytes:
    """A few kB that would be 144 million pixels."""
    squeezer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    data = b"".join(squeezer.compress(row) for _ in range(side)) + squeezer.flush()
    return png(side, side, 1, 0, data)


def text_bomb() -> bytes:
    """A PNG whose compressed text would take 512 MB."""
    squeezer = zlib.compressobj(9)
    block = bytes(1 << 20)
    text = b"".join(squeezer.compress(block) for _ in range(512)) + squeezer.flush()
    return png(1, 1, 8, 0, zlib.compress(b"\0\0"), _chunk(b"zTXt", b"Comment\0\0" + text))


def webp_of_size(width: int, height: int) -> bytes:
    """A WebP whose header says so."""
    header = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little")
    body = b"WEBP" + header + (height - 1).to_bytes(3, "little") + save(quarters(), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_of_size(width: int, height: int) -> bytes:
    """A GIF whose first picture says so, on a screen of one pixel."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00;"


def jpeg_of_many_scans(scans: int = 5_000) -> bytes:
    """A progressive JPEG in which one scan is repeated, each a pass over the whole image."""
    whole = save(Image.new("RGB", (4_096, 4_096)), "JPEG", progressive=True)
    start = whole.rindex(b"\xff\xda")
    return whole[:start] + whole[start:-2] * scans + whole[-2:]


def animation(kind: str) -> bytes:
    """An animation whose first picture is `quarters`."""
    others = [Image.new("RGB", (64, 48), colour) for colour in (RED, BLUE)]
    return save(quarters(), kind, save_all=True, append_images=others, duration=100, lossless=True)

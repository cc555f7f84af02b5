"""The size of a PNG, JPEG, GIF or WebP image, from its header alone. Nothing is decoded."""

from typing import NamedTuple

from chalicelib.domain.files.media_types import detect_signature


class Image(NamedTuple):
    """Type and size of an image, as its header says."""

    media_type: str
    width: int
    """In pixels."""
    height: int


_NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers in the range of frame headers that are not one."""


def read_image_header(content: bytes) -> Image | None:
    """Type and size of an image; None for another file, or one that ends before its size."""
    media_type = detect_signature(content)
    size = _SIZE_READERS[media_type](content) if media_type in _SIZE_READERS else None
    return Image(media_type, *size) if media_type is not None and size is not None and min(size) > 0 else None


Size = tuple[int, int]


def _png(content: bytes) -> Size | None:
    if content[12:16] != b"IHDR" or len(content) < 33:
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _gif(content: bytes) -> Size | None:
    if len(content) < 13:
        return None
    return int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")


def _jpeg(content: bytes) -> Size | None:
    """The size is in the header of the first frame; each segment before it begins with its length."""
    position = 2
    while position + 9 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            return int.from_bytes(content[position + 7 : position + 9]), int.from_bytes(
                content[position + 5 : position + 7]
            )
        position += 2 + max(2, int.from_bytes(content[position + 2 : position + 4]))
    return None


def _webp(content: bytes) -> Size | None:
    if len(content) < 30:
        return None
    match content[12:16]:
        case b"VP8 ":
            return _little(content[26:28]) & 0x3FFF, _little(content[28:30]) & 0x3FFF
        case b"VP8L":
            bits = _little(content[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return _little(content[24:27]) + 1, _little(content[27:30]) + 1
    return None


def _little(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


_SIZE_READERS = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}

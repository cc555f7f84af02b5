"""How large a picture is, by its header alone: PNG, JPEG, GIF and WebP. Nothing is decoded."""

from typing import NamedTuple

from chalicelib.domain.files.media_types import signature


class Picture(NamedTuple):
    """What a picture's header says."""

    media_type: str
    width: int
    """In pixels."""
    height: int


_NO_SIZES = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers among those of frames that begin none."""


def picture(content: bytes) -> Picture | None:
    """The picture, or None for what is none of the four, or breaks off before it says how large it is."""
    found = signature(content)
    size = _SIZES[found](content) if found in _SIZES else None
    return Picture(found, *size) if found is not None and size is not None and min(size) > 0 else None


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
    """The size is in the first frame's header; the segments before it say how long they are."""
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZES:
            return int.from_bytes(content[place + 7 : place + 9]), int.from_bytes(content[place + 5 : place + 7])
        place += 2 + max(2, int.from_bytes(content[place + 2 : place + 4]))
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


_SIZES = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}

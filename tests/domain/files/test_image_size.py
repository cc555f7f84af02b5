import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.files.image_size import Image, read_image_header


def png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + header + zlib.crc32(header).to_bytes(4)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


def jpeg(width: int, height: int, frame: int = 0xC2) -> bytes:
    start = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x00" * 9 + b"\xff\xc4\x00\x04ab\xff"
    return start + bytes([0xFF, frame]) + struct.pack(">HBHH", 17, 8, height, width) + b"\x03"


def webp(kind: bytes, data: bytes) -> bytes:
    return b"RIFF\x00\x00\x00\x00WEBP" + (kind + b"\x00\x00\x00\x00" + data).ljust(20, b"\0")


def lossless_webp(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + (width - 1 | (height - 1) << 14).to_bytes(4, "little"))


def lossy_webp(width: int, height: int) -> bytes:
    return webp(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height))


def extended_webp(width: int, height: int) -> bytes:
    return webp(b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


MADE = {png: "image/png", gif: "image/gif", jpeg: "image/jpeg", lossless_webp: "image/webp", lossy_webp: "image/webp"}
MADE[extended_webp] = "image/webp"
SIDES = st.integers(1, 2**14 - 1)


@given(st.sampled_from(list(MADE)), SIDES, SIDES)
def test_the_header_says_how_large_a_picture_is(make, width: int, height: int) -> None:
    assert read_image_header(make(width, height)) == Image(MADE[make], width, height)


@pytest.mark.parametrize("make", list(MADE))
def test_a_picture_that_breaks_off_is_none(make) -> None:
    whole = make(20, 30)
    parsed = {read_image_header(whole[:length]) for length in range(len(whole))}
    assert parsed <= {None, Image(MADE[make], 20, 30)}
    assert read_image_header(whole[:8]) is None


def test_what_is_no_picture_or_has_no_size() -> None:
    assert read_image_header(b"") is None
    assert read_image_header(b"%PDF-1.7") is None
    assert read_image_header(png(0, 10)) is None
    assert read_image_header(webp(b"ABCD", b"")) is None
    assert read_image_header(jpeg(1, 1, frame=0xD9)) is None


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]), st.binary(max_size=60))
def test_no_bytes_are_an_error(start: bytes, rest: bytes) -> None:
    read_image_header(start + rest)

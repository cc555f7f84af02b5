import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.files.media_types import detect_media_type
from chalicelib.errors import InvalidRequest

PNG = b"\x89PNG\r\n\x1a\n\x00\x00"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("content", "name", "claimed", "found"),
    [
        (PNG, "a.png", "image/png", "image/png"),
        (PNG, "a.html", "text/html", "image/png"),
        (b"\xff\xd8\xff\xe0..", "a.jpg", "image/jpg", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a.webp", "", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "a", "", "audio/wav"),
        (b"........WEBPVP8 ", "a", "", "text/plain"),
        (b"%PDF-1.7", "a.pdf", "application/pdf", "application/pdf"),
        (b"PK\x03\x04..", "a.zip", "application/x-zip-compressed", "application/zip"),
        (b"PK\x03\x04..", "Report.DOCX", DOCX, DOCX),
        (b"\x1f\x8b\x08", "a.tar.gz", "application/x-gzip", "application/gzip"),
        (b"\0" * 257 + b"ustar\0", "a.tar", "", "application/x-tar"),
        (b"\x00\x00\x00\x20ftypisom", "a.mp4", "video/mp4", "video/mp4"),
        (b"\x00\x00\x00\x20ftypavif", "a.avif", "image/avif", "image/avif"),
        (b"export const a = 1;", "auth-component.tsx", "application/octet-stream", "text/typescript"),
        (b"export const a = 1;", "a.ts", "video/mp2t", "text/typescript"),
        ("größer".encode(), "notes", "", "text/plain"),
        (b"#!/bin/sh\n", "run.sh", "text/x-sh", "text/x-shellscript"),
        (b"<svg/>", "a.svg", "image/svg+xml", "image/svg+xml"),
        (b"a\x00b", "a.txt", "text/plain", "application/octet-stream"),
        (b"\xff\xfe", "a.py", "", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file_follows_from_content_name_and_claim(
    content: bytes, name: str, claimed: str, found: str
) -> None:
    assert detect_media_type(content, name, claimed) == found


@pytest.mark.parametrize(
    ("content", "claimed", "said"),
    [
        (b"", "text/plain", "is empty"),
        (b"\x7fELF\x02", "image/png", "is an executable program"),
        (b"MZ\x90", "", "is an executable program"),
        (b"\xcf\xfa\xed\xfe", "", "is an executable program"),
        (b"\xca\xfe\xba\xbe", "application/java", "is an executable program"),
        (b"<script>", "image/png", "is sent as image/png, but by its content it is text/plain"),
        (PNG, "image/jpg", "is sent as image/jpeg, but by its content it is image/png"),
        (b"hello", "application/pdf", "is sent as application/pdf, but"),
    ],
)
def test_an_empty_an_executable_and_a_mislabelled_file_are_refused(content: bytes, claimed: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as refused:
        detect_media_type(content, "a", claimed)
    assert list(refused.value.fields) == ["file"]


@given(st.binary(min_size=1), st.text(), st.text())
def test_everything_else_has_a_type(content: bytes, name: str, claimed: str) -> None:
    try:
        assert "/" in detect_media_type(content, name, claimed)
    except InvalidRequest as refused:
        assert content.startswith((b"MZ", b"\x7fELF", b"\xfe", b"\xce", b"\xcf", b"\xca")), refused

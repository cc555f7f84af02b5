"""Bodies of several parts: what is read of good ones, and that no bad one is a server's error."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from chalicelib.edge import Created, FilePart, MultipartSchema, Routes, mount, openapi
from chalicelib.edge.multipart import LONGEST_FILENAME, multipart_fields, safe_filename
from tests.edge.toys import ToyOut, api_of, gateway_event
from tests.support.parts import BOUNDARY, MULTIPART, body, part


class Sent(MultipartSchema):
    file: FilePart
    description: str | None = Field(default=None, max_length=10)


letters = Routes("/letters", tag="Letters", public=True)


@letters.post()
def send_letter(body: Sent) -> Created[ToyOut]:
    """Send a letter."""
    facts = {"type": body.file.content_type, "size": len(body.file.content), "description": body.description}
    return Created(ToyOut(toy_id=body.file.filename, facts=facts), location="/letters/1")


API = api_of(letters)
APP = mount(API)


def send(content: bytes, content_type: str = MULTIPART) -> dict[str, Any]:
    return dict(APP(gateway_event("POST", "/letters", "/letters", None, {"Content-Type": content_type}, content), None))


def test_a_file_and_a_field() -> None:
    image = part(b"\x89PNG\r\n\x00\xff--", 'form-data; name="file"; filename="m.png"', "Content-Type: Image/PNG; x=y")
    answer = send(body(image, part("größer", 'form-data; name="description"')))
    assert answer["statusCode"] == 201, answer
    assert '"toyId":"m.png"' in answer["body"]
    assert '"facts":{"type":"image/png","size":10,"description":"größer"}' in answer["body"]


def test_gateways_hand_parts_over_byte_by_byte() -> None:
    assert APP.api.binary_types == ["multipart/form-data"]
    event = gateway_event("POST", "/letters", "/letters", None, {"Content-Type": MULTIPART}, body(part(b"\xff")))
    assert event["isBase64Encoded"] and base64.b64decode(event["body"]) == body(part(b"\xff"))
    assert APP(event, None)["statusCode"] == 201


def test_a_file_is_described() -> None:
    [content] = openapi(API)["paths"]["/letters"]["post"]["requestBody"]["content"].items()
    assert content[0] == "multipart/form-data"
    schema = openapi(API)["components"]["schemas"]["Sent"]
    assert schema["properties"]["file"] == {"format": "binary", "title": "File", "type": "string"}
    assert schema["required"] == ["file"]


NAMED = 'form-data; name="description"'
MANY = [part("x", f'form-data; name="p{number}"') for number in range(10_000)]
WRONG: dict[str, tuple[bytes, str, int]] = {
    "truncated": (body(part("x"))[:-6], MULTIPART, 400),
    "truncated in its headers": (body(part("x"))[:60], MULTIPART, 400),
    "no last boundary": (body(part("x")).removesuffix(f"--{BOUNDARY}--\r\n".encode()), MULTIPART, 400),
    "another boundary": (body(part("x")), "multipart/form-data; boundary=other", 400),
    "no boundary": (body(part("x")), "multipart/form-data", 400),
    "empty boundary": (body(part("x")), 'multipart/form-data; boundary=""', 400),
    "endless boundary": (body(part("x")), f"multipart/form-data; boundary={'x' * 5000}", 400),
    "boundary beyond latin-1": (body(part("x")), "multipart/form-data; boundary=✓", 400),
    "no parts": (f"--{BOUNDARY}--\r\n".encode(), MULTIPART, 400),
    "no multipart at all": (b"hello", MULTIPART, 400),
    "10,000 parts": (body(*MANY), MULTIPART, 413),
    "huge header": (body(part("x", 'form-data; name="file"', f"X-Long: {'x' * 100_000}")), MULTIPART, 400),
    "many headers": (body(part("x", 'form-data; name="file"', *["X: y"] * 50)), MULTIPART, 400),
    "bad header": (body(part("x", 'form-data; name="file"', "No colon")), MULTIPART, 400),
    "no disposition": (body(b"X: y\r\n\r\nx"), MULTIPART, 400),
    "no name": (body(part("x", "form-data")), MULTIPART, 400),
    "name not UTF-8": (body(b'Content-Disposition: form-data; name="\xff"\r\n\r\nx'), MULTIPART, 400),
    "text not UTF-8": (body(part("x"), part(b"\xff", NAMED)), MULTIPART, 400),
    "encoded": (body(part("eA==", NAMED, "Content-Transfer-Encoding: base64")), MULTIPART, 400),
    "long field": (body(part("x"), part("x" * 100_001, NAMED)), MULTIPART, 413),
    "field too long for its model": (body(part("x"), part("x" * 11, NAMED)), MULTIPART, 400),
    "file twice": (body(part("x"), part("y")), MULTIPART, 400),
    "no file": (body(part("x", NAMED)), MULTIPART, 400),
    "empty file input": (body(part("", 'form-data; name="file"; filename=""')), MULTIPART, 400),
    "text for a file": (body(part("x", 'form-data; name="file"')), MULTIPART, 400),
    "file for a text": (body(part("x"), part("y", NAMED + '; filename="y"')), MULTIPART, 400),
    "nested": (body(part("x", 'form-data; name="file[0][x]"; filename="a"')), MULTIPART, 400),
    "mixed": (body(part("x")), f"multipart/mixed; boundary={BOUNDARY}", 415),
    "json": (b"{}", "application/json", 415),
    "no type": (body(part("x")), "", 415),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_body_is_refused(name: str) -> None:
    content, content_type, status = WRONG[name]
    answer = send(content, content_type)
    assert answer["statusCode"] == status, answer["body"]


GOOD: dict[str, tuple[bytes, str]] = {
    "empty file": (body(part("")), MULTIPART),
    "quoted boundary": (body(part("x")), f'Multipart/Form-Data; charset=utf-8; boundary="{BOUNDARY}"'),
    "something before and after": (b"\r\n" + body(part("x")) + b"ignored", MULTIPART),
    "content like a boundary": (body(part(f"--{BOUNDARY}x\r\n--\r\n")), MULTIPART),
    "NULs": (body(part(b"\0" * 100, 'form-data; name="file"; filename="a\0b"')), MULTIPART),
    "unknown parts": (
        body(part("x"), part("y", 'form-data; name="other"'), part("z", 'form-data; name=""')),
        MULTIPART,
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_body_is_read(name: str) -> None:
    answer = send(*GOOD[name])
    assert answer["statusCode"] == 201, answer["body"]


@pytest.mark.parametrize(
    ("said", "safe"),
    [
        ("design-mockup.png", "design-mockup.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("/", "file"),
        ("..", "file"),
        (" . ", "file"),
        ("", "file"),
        ("a\x00b\r\nc\x7f.txt", "abc.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("Gru\u0308ße ✓.md", "Grüße ✓.md"),
        (".gitignore", ".gitignore"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("ü" * 200, "ü" * 127),
    ],
)
def test_a_filename_is_made_safe(said: str, safe: str) -> None:
    assert safe_filename(said) == safe


@given(st.text())
def test_every_filename_is_made_safe(said: str) -> None:
    safe = safe_filename(said)
    assert safe and len(safe.encode()) <= LONGEST_FILENAME
    assert not set(safe) & set("/\\\0\r\n") and safe.strip(". ")
    assert safe_filename(safe) == safe


@given(st.dictionaries(st.text(st.characters(codec="ascii", exclude_characters='"\\\r\n'), max_size=8), st.binary()))
def test_what_is_sent_is_read(files: dict[str, bytes]) -> None:
    sent = body(*(part(content, f'form-data; name="{name}"; filename="x"') for name, content in files.items()))
    if files and BOUNDARY.encode() not in b"".join(files.values()):
        found = multipart_fields(sent, MULTIPART)
        assert {name: file.content for name, file in found.items() if not isinstance(file, str)} == files


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=50), st.integers(0, 200), st.integers(0, 200))
def test_no_broken_body_is_a_server_error(noise: bytes, start: int, end: int) -> None:
    whole = body(part("x"), part("y", NAMED))
    assert send(whole[:start] + noise + whole[end:])["statusCode"] in {201, 400, 413}

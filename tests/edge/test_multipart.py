"""Multipart bodies: valid ones are parsed, and an invalid one is never a server error."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from chalicelib.edge import Created, FilePart, MultipartSchema, Routes, mount, openapi
from chalicelib.edge.multipart import MAX_FILENAME_BYTES, multipart_fields, safe_filename
from tests.edge.toys import ToyOut, api_of, gateway_event
from tests.support.parts import BOUNDARY, GOOD, MULTIPART, NAMED, WRONG, body, part


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


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_body_is_refused(name: str) -> None:
    content, content_type, status = WRONG[name]
    answer = send(content, content_type)
    assert answer["statusCode"] == status, answer["body"]


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
        ("نامه\u200cها.pdf", "نامه\u200cها.pdf"),
        ("PDF\u200cها.pdf", "PDF\u200cها.pdf"),
        ("ක්\u200dරම.txt", "ක්\u200dරම.txt"),
        ("👨\u200d👩\u200d👧.png", "👨\u200d👩\u200d👧.png"),
        ("❤️\u200d🔥.png", "❤️\u200d🔥.png"),
        ("\u200c\u200da\u200d\u200d\u200cb.txt\u200d", "a\u200db.txt"),
        ("\u200d.\u200c.", "file"),
        ("\u200d", "file"),
        ("a\u200b\u2060\ufeff\u00ad\u200e\u061c\u2066b.txt", "ab.txt"),
        ("👨\u200d👩\u200d👧" * 20 + ".png", "👨\u200d👩\u200d👧" * 13 + ".png"),
        ("e\u0301\u0302" * 100, "é\u0302" * 63),
        ("a " * 200, ("a " * 128)[:255]),
        ("x" + "\u0302" * 300, "x" + "\u0302" * 127),
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
    assert safe and len(safe.encode()) <= MAX_FILENAME_BYTES
    assert safe == safe.strip("\u200c\u200d") and "\u200c\u200d" not in safe
    assert not set(safe) & set("/\\\0\r\n") and safe.strip(". ")
    assert safe_filename(safe) == safe


@given(st.dictionaries(st.text(st.characters(codec="ascii", exclude_characters='"\\\r\n'), max_size=8), st.binary()))
def test_what_is_sent_is_read(files: dict[str, bytes]) -> None:
    sent = body(*(part(content, f'form-data; name="{name}"; filename="x"') for name, content in files.items()))
    if files and BOUNDARY.encode() not in b"".join(files.values()):
        found = multipart_fields(sent, MULTIPART)
        assert {name: file.content for name, file in found.items() if not isinstance(file, str)} == files


@settings(max_examples=100)
@given(st.binary(max_size=50), st.integers(0, 200), st.integers(0, 200))
def test_no_broken_body_is_a_server_error(noise: bytes, start: int, end: int) -> None:
    whole = body(part("x"), part("y", NAMED))
    assert send(whole[:start] + noise + whole[end:])["statusCode"] in {201, 400, 413}


def test_a_filename_may_be_given_in_its_extended_form() -> None:
    answer = send(*GOOD["an extended filename alone"])
    assert '"toyId":"naïve café.txt"' in answer["body"]


@pytest.mark.parametrize(
    "given", ["filename*=x.txt", "filename*=utf-8'x.txt", 'filename*0="x"; filename*1="y"', "filename*=latin1''x"]
)
def test_an_extended_filename_that_is_none_is_named(given: str) -> None:
    answer = send(body(part("x", f'form-data; name="file"; {given}')))
    assert (answer["statusCode"], json.loads(answer["body"])["details"]) == (
        400,
        "A part of the body has a filename* that is not UTF-8''<percent-encoded>; send filename",
    )


def test_an_extended_filename_may_hold_apostrophes() -> None:
    answer = send(body(part("x", "form-data; name=\"file\"; filename*=UTF-8''it's%20mine.txt")))
    assert '"toyId":"it\'s mine.txt"' in answer["body"]


def test_text_before_the_first_boundary_is_no_part_of_the_file() -> None:
    assert '"size":1' in send(*GOOD["text before the first boundary"])["body"]


CONTENT = "the-content-of-a-file"
SPILT = {
    "no filename": body(part(CONTENT, 'form-data; name="file"')),
    "no name": body(part(CONTENT, "form-data")),
    "no disposition": body(CONTENT.encode() + b"\r\n\r\nx"),
    "a filename that cannot be read": body(part(CONTENT, 'form-data; name="file"; filename*=x')),
    "before the boundary": CONTENT.encode() + body(part("x")),
    "nothing but it": CONTENT.encode(),
    "its own name": body(part("x", f'form-data; name="{CONTENT} {CONTENT} {CONTENT}"'), part("x", NAMED)) * 2,
    "twice": body(part(CONTENT), part(CONTENT)),
    "as its headers": body(part("x", 'form-data; name="file"', CONTENT)),
    "for a text": body(part("x"), part(CONTENT, NAMED + '; filename="y"')),
}


@pytest.mark.parametrize("name", SPILT)
def test_no_error_repeats_what_is_in_a_file(name: str) -> None:
    answer = send(SPILT[name])
    assert answer["statusCode"] == 400
    assert CONTENT not in answer["body"], answer["body"]


def test_the_refusal_of_a_part_without_a_filename_says_what_it_lacks() -> None:
    said = json.loads(send(SPILT["no filename"])["body"])["details"]
    assert said == "file: must be a file, in a part with a filename, got text of 21 characters"

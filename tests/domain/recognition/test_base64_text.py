import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.domain.recognition.base64_text import Base64File, decode_base64

CONTENT = bytes(range(256))


@given(st.binary(min_size=1, max_size=300))
def test_every_file_comes_back_however_it_was_written(content: bytes) -> None:
    plain, safe = base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()
    lines = base64.encodebytes(content).decode()
    for text in (plain, safe, lines, plain.rstrip("="), f"data:image/png;base64,{plain}", f" \r\n{plain}\t"):
        assert decode_base64(text) == content


@pytest.mark.parametrize(
    "prefix", ["data:;base64,", "data:audio/ogg;codecs=opus;base64,", "DATA:IMAGE/PNG;BASE64,", "\n data:x;base64 ,"]
)
def test_a_prefix_of_any_media_type_is_left_out(prefix: str) -> None:
    assert decode_base64(prefix + base64.b64encode(CONTENT).decode()) == CONTENT


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("====", "is empty"),
        ("data:image/png;base64,", "is empty"),
        ("QUJDR", "a character is missing"),
        ("base64...", "a character is missing"),
        ("QUJ*", "letters, digits"),
        ("QU=JDE", "letters, digits"),
        ("größe123", "letters, digits"),
        ("data:image/png,QUJD", "letters, digits"),
        ("data:image/svg+xml;utf8,<svg/>x", "letters, digits"),
        ("\ud800QUJ", "letters, digits"),
    ],
)
def test_another_text_is_refused_and_not_repeated(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        decode_base64(text)
    assert not text.strip() or text not in str(refused.value)


def test_a_field_of_a_model_takes_a_text_and_is_its_content() -> None:
    field: TypeAdapter[bytes] = TypeAdapter(Base64File)
    assert field.validate_python(base64.b64encode(CONTENT).decode()) == CONTENT
    assert field.json_schema() == {"type": "string", "minLength": 1, "contentEncoding": "base64"}
    for value in (7, None, ["QUJD"], "", "*"):
        with pytest.raises(ValidationError):
            field.validate_python(value)

"""JSON of others."""

import pytest

from chalicelib.domain import foreign_json


def test_halves_of_characters_are_replaced_everywhere() -> None:
    assert foreign_json.parse(r'{"a\ud83d": ["b\ud83d", 1, null, "\ud83d\ude00"]}') == {"a?": ["b?", 1, None, "😀"]}


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000 + "]" * 100_000, b"\xff\xfe\xff"])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        foreign_json.parse(text)

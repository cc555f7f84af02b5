"""Which spellings of an email address mean one address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.accounts import email_addresses


@pytest.mark.parametrize(
    "spelling",
    [
        "ada@acme.example",
        "  Ada@ACME.example ",
        "ad\u200ba@acme.example",  # zero width space
        "\ufeffada@acme.example\u2060",  # byte order mark, word joiner
        "a\u200d\u200cda@acme.example",  # joiners
        "ada\u202e@acme.example\u202c",  # direction
        "ada\u034f\ufe0f@acme.example",  # grapheme joiner, variation selector
        "ada\U000e0101@ac\u00adme.example",  # variation selector, soft hyphen
        "\uff41\uff44\uff41@acme.example",  # full width
        "ada\uff20acme\uff0eexample",
        "ada@acme.example.",
        "ada\u3164@acme.example",  # Hangul filler
        "\U0001d41ada@acme.example",  # bold
    ],
)
def test_what_looks_like_one_address_is_one(spelling: str) -> None:
    assert email_addresses.unique_key(spelling) == "ada@acme.example"


@pytest.mark.parametrize(
    "other", ["ad\u00e4@acme.example", "\u0430da@acme.example", "a.da@acme.example", "ada+x@acme.example"]
)
def test_what_differs_to_see_or_to_its_provider_is_another(other: str) -> None:
    assert email_addresses.unique_key(other) != "ada@acme.example"


@given(st.text())
def test_tidying_twice_changes_nothing_and_the_key_of_what_is_kept_is_its_own(text: str) -> None:
    tidied = email_addresses.normalize(text)
    assert email_addresses.normalize(tidied) == tidied
    assert email_addresses.unique_key(text) == email_addresses.unique_key(tidied) == email_addresses.stored_key(tidied)

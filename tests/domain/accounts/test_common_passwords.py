"""Which passwords are easy to guess."""

import pytest

from chalicelib.domain.accounts.common_passwords import weakness

COMMON = frozenset({"password", "12345678", "letmein1", "trustno1"})
ABOUT = ("jane.doe@example.com", "Jane van Doe")


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PassWord",
        "12345678",
        " 12345678 ",
        "pass word",
        "\uff50\uff41\uff53\uff53word",
        "pass\u200bword\ufe0f",
        "LetMeIn1",
    ],
)
def test_what_many_have_is_weak_in_any_spelling(password: str) -> None:
    assert weakness(password, COMMON) == "is one that many people have; choose another"


@pytest.mark.parametrize(
    "password", [" " * 8, "\u3000" * 9, "aaaaaaaa", "abababababab", "1 1 1 1 1", "\u00e4" * 128, "a\u200bb\u200c" * 4]
)
def test_what_repeats_few_characters_is_weak(password: str) -> None:
    assert "different characters" in str(weakness(password, COMMON))


@pytest.mark.parametrize("password", ["abcdefghij", "98765432", "\u03b1\u03b2\u03b3\u03b4\u03b5\u03b6\u03b7\u03b8"])
def test_a_run_is_weak(password: str) -> None:
    assert "run" in str(weakness(password, COMMON))


@pytest.mark.parametrize("password", ["jane.doe@example.com", "Jane van Doe", "janevandoe12", "jane.doe!", "Example12"])
def test_what_is_about_its_owner_is_weak(password: str) -> None:
    assert "too much like" in str(weakness(password, COMMON, ABOUT))


@pytest.mark.parametrize(
    "password", ["correct horse battery", "staple battery horse", "hedgerow", "janes 3 hedgehogs", "passwords are odd"]
)
def test_others_are_not(password: str) -> None:
    assert weakness(password, COMMON, ABOUT) is None

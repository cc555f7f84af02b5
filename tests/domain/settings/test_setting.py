"""Which values a setting can have, and what a group refuses."""

from typing import Any

import pytest

from chalicelib.domain.settings.setting import MAX_TEXT_CHARS, Group, Setting
from chalicelib.errors import InvalidRequest

GROUP = Group(
    "toy",
    (
        Setting("count", 3, 1, 9),
        Setting("colour", "red", choices=("red", "blue")),
        Setting("on", True),
        Setting("note", ""),
    ),
)


@pytest.mark.parametrize("values", [{}, {"count": 1, "colour": "blue"}, {"on": False, "note": "x" * MAX_TEXT_CHARS}])
def test_what_a_setting_can_have_is_let_through(values: dict[str, Any]) -> None:
    GROUP.check(values)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("count", 0, "must be an integer between 1 and 9"),
        ("count", 10, "must be an integer between 1 and 9"),
        ("count", True, "must be an integer between 1 and 9"),
        ("count", 2.0, "must be an integer between 1 and 9"),
        ("count", "2", "must be an integer between 1 and 9"),
        ("count", None, "must be an integer between 1 and 9"),
        ("colour", "green", "must be one of: red, blue"),
        ("colour", ["red"], "must be one of: red, blue"),
        ("on", 1, "must be true or false"),
        ("note", "x" * (MAX_TEXT_CHARS + 1), "must be a string of at most 4000 characters"),
        ("note", {}, "must be a string of at most 4000 characters"),
        ("size", 1, "is not a setting; there are count, colour, on, note"),
    ],
)
def test_anything_else_is_refused_and_says_what_would_be_right(name: str, value: Any, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{name}: {problem}$") as refused:
        GROUP.check({name: value, "on": True} if name != "on" else {name: value})
    assert refused.value.fields == {name: problem}


def test_settings_without_a_stored_value_and_with_one_of_before_have_their_default() -> None:
    stored = {"count": 100, "colour": "blue", "gone": 1}
    assert GROUP.with_defaults(stored) == {"count": 3, "colour": "blue", "on": True, "note": ""}

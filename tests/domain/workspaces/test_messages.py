"""Which messages a commit can have."""

import pytest

from chalicelib.domain.workspaces.messages import is_message


@pytest.mark.parametrize("text", ["one\0two", "\x1b[31mred", "bell\a", "a\x7f", "a\x85b", "a\vb", "a\x08b"])
def test_control_characters_are_refused(text: str) -> None:
    assert not is_message(text)


@pytest.mark.parametrize("text", ["feat: x", "subject\n\nbody\r\n\tindented", "Größe 😀", "a\u2028b", "e\u0301"])
def test_lines_tabs_and_all_scripts_are_accepted(text: str) -> None:
    assert is_message(text)

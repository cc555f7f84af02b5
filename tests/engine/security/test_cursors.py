"""Cursors: only the list that issued a cursor accepts it."""

import base64

import pytest

from chalicelib.engine.security import cursors, keyring
from chalicelib.errors import InvalidRequest

LIST = ("acme", "tasks", "pending")


@pytest.mark.parametrize("mark", ["", "9", "task_7#1767268800000", "ü€😀"])
def test_a_cursor_leads_back_to_its_mark(mark: str) -> None:
    cursor = cursors.seal(mark, *LIST)
    assert cursor.isascii()
    assert cursors.read(cursor, *LIST) == mark


@pytest.mark.parametrize("other", [("rival", "tasks", "pending"), ("acme", "tasks", "failed"), ("acme", "tasks"), ()])
def test_another_list_refuses_it(other: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match="cursor: must be one that this very list gave"):
        cursors.read(cursors.seal("9", *LIST), *other)


def test_a_changed_mark_is_refused() -> None:
    raw = base64.urlsafe_b64decode(cursors.seal("9", *LIST) + "==")
    changed = base64.urlsafe_b64encode(raw[:-1] + b"8").decode().rstrip("=")
    with pytest.raises(InvalidRequest):
        cursors.read(changed, *LIST)


@pytest.mark.parametrize("text", ["", "x", "!!!", "AAAA", "A" * 64, "ü"])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        cursors.read(text, *LIST)


def test_a_cursor_outlives_the_key_that_signed_it_while_the_key_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "jwt_keys", lambda: {"old": "o" * 32})
    cursor = cursors.seal("9", *LIST)
    monkeypatch.setattr(keyring, "jwt_keys", lambda: {"new": "n" * 32, "old": "o" * 32})
    assert cursors.read(cursor, *LIST) == "9"
    monkeypatch.setattr(keyring, "jwt_keys", lambda: {"new": "n" * 32})
    with pytest.raises(InvalidRequest):
        cursors.read(cursor, *LIST)

import argon2
import pytest

from chalicelib.engine.security import passwords
from chalicelib.engine.security.passwords import NO_ONES_HASH, Cost
from tests.support.passwords import CHEAP


def test_a_hash_is_argon2id_at_owasp_s_cost_and_opens_for_its_password_alone() -> None:
    kept = passwords.hash_password("correct horse")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.is_correct("correct horse", kept)
    assert not passwords.is_correct("correct horse ", kept)
    assert not passwords.is_outdated(kept)


def test_where_there_is_no_account_as_much_work_is_done() -> None:
    assert argon2.extract_parameters(NO_ONES_HASH) == argon2.extract_parameters(passwords.hash_password("x" * 8))
    assert not passwords.is_correct("", None)


def test_the_hash_of_nobody_is_no_password_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *_: True)
    assert not passwords.is_correct("whatever", None)


@pytest.mark.usefixtures("cheap_hashes")
def test_the_same_password_has_another_hash_each_time() -> None:
    assert passwords.hash_password("x" * 8) != passwords.hash_password("x" * 8)


@pytest.mark.usefixtures("cheap_hashes")
def test_a_password_is_its_characters_however_they_are_spelled() -> None:
    kept = passwords.hash_password("cafe\N{COMBINING ACUTE ACCENT} \N{LATIN SMALL LIGATURE FI}x")
    assert passwords.is_correct("caf\N{LATIN SMALL LETTER E WITH ACUTE} fix", kept)
    assert passwords.is_correct("\ud800" * 8, passwords.hash_password("\ud800" * 8))


@pytest.mark.usefixtures("cheap_hashes")
def test_a_hash_of_another_cost_still_opens_and_is_outdated() -> None:
    kept = passwords.hash_password("correct horse")
    passwords.use_cost(Cost(2, 8, 1))
    assert passwords.is_correct("correct horse", kept)
    assert passwords.is_outdated(kept)
    passwords.use_cost(CHEAP)


@pytest.mark.parametrize("kept", ["", "x", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
def test_what_is_no_hash_opens_for_nothing(kept: str) -> None:
    assert not passwords.is_correct("x", kept or "garbage")

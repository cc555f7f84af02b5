import pytest

from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from infra.local.token import Unfit, token


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("ROLE", "ORG", "SUB", "PLAN", "TTL"):
        monkeypatch.setenv(name, "")
    return monkeypatch


def test_a_token_of_nobody_in_particular() -> None:
    assert authentication.verify_token(token()) == Principal("local", "dev", "user", "standard")


def test_a_token_as_asked_for(asked: pytest.MonkeyPatch) -> None:
    for name, value in {"ROLE": "admin", "ORG": "acme", "SUB": "ann", "PLAN": "pro", "TTL": "60"}.items():
        asked.setenv(name, value)
    assert authentication.verify_token(token()) == Principal("acme", "ann", "admin", "pro")


UNFIT = [
    *(("ROLE", "root"), ("PLAN", "gold"), ("ORG", "a#b"), ("SUB", "a#b")),
    *(("TTL", "0"), ("TTL", "-1"), ("TTL", "soon")),
]


@pytest.mark.parametrize(("name", "value"), UNFIT)
def test_what_makes_no_token_is_named(asked: pytest.MonkeyPatch, name: str, value: str) -> None:
    asked.setenv(name, value)
    with pytest.raises(Unfit, match=f"{name} .*'{value}'"):
        token()

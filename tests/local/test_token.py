import pytest

from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from infra.local.token import InvalidTokenRequest, token


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("ROLE", "ORG", "SUB", "PLAN", "TTL"):
        monkeypatch.setenv(name, "")
    return monkeypatch


def test_a_token_by_default() -> None:
    assert authentication.verify_token(token()) == Principal("local", "dev", "user", "standard")


def test_a_token_with_all_variables_set(environment: pytest.MonkeyPatch) -> None:
    for name, value in {"ROLE": "admin", "ORG": "acme", "SUB": "ann", "PLAN": "pro", "TTL": "60"}.items():
        environment.setenv(name, value)
    assert authentication.verify_token(token()) == Principal("acme", "ann", "admin", "pro")


INVALID = [
    *(("ROLE", "root"), ("PLAN", "gold"), ("ORG", "a#b"), ("SUB", "a#b")),
    *(("TTL", "0"), ("TTL", "-1"), ("TTL", "soon")),
]


@pytest.mark.parametrize(("name", "value"), INVALID)
def test_an_invalid_variable_is_named(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(InvalidTokenRequest, match=f"{name} .*'{value}'"):
        token()

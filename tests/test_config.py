"""Settings as they are read from the environment: what is right, and what stops the process."""

import pytest

from chalicelib import config
from chalicelib.config import Misconfigured, Settings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("MAX_ATTEMPTS", "5", 5),
        ("BACKOFF_BASE_SECONDS", "0.5", 0.5),
        ("ALLOW_LOOPBACK", "TRUE", True),
        ("LISTED_POOLS", "a, b,,", frozenset({"a", "b"})),
        ("QUEUE_LIMITS", '{"support": 5}', {"support": 5}),
        ("API_URLS", '{"processing": "https://x"}', {"processing": "https://x"}),
        ("JWT_ISSUER", "mine", "mine"),
    ],
)
def test_a_setting_is_read(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(config._from_environment(), name.lower()) == value


def test_an_empty_one_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ATTEMPTS", "")
    assert config._from_environment().max_attempts == Settings.max_attempts


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("MAX_ATTEMPTS", "many", "whole number"),
        ("MAX_ATTEMPTS", "2.5", "whole number"),
        ("BACKOFF_CAP_SECONDS", "long", "number"),
        ("ALLOW_LOOPBACK", "perhaps", "flag"),
        ("QUEUE_LIMITS", "support=5", "JSON object"),
        ("QUEUE_LIMITS", '{"support": "many"}', "JSON object"),
        ("QUEUE_LIMITS", '{"support": null}', "JSON object"),
        ("API_URLS", "[1]", "JSON object"),
        ("API_URLS", "7", "JSON object"),
    ],
)
def test_one_of_the_wrong_type_stops_the_process_and_is_not_said_again(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, kind: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(Misconfigured, match=f"{name} is not a valid .*{kind}") as stopped:
        config._from_environment()
    assert text not in str(stopped.value)


@pytest.mark.parametrize("name", ["WAKE_SHARDS", "MAX_ATTEMPTS", "RETENTION_DAYS", "DELIVER_TIMEOUT_SECONDS"])
@pytest.mark.parametrize("text", ["0", "-1"])
def test_a_number_that_is_not_above_zero_stops_the_process(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(Misconfigured, match=f"{name} must be above 0"):
        config._from_environment()


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_nor_may_it_be_without_end(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BACKOFF_CAP_SECONDS", text)
    with pytest.raises(Misconfigured, match="BACKOFF_CAP_SECONDS must be"):
        config._from_environment()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OPEN_APIS", "support"),
        ("EXAMPLE_KEYS", '{"a": "b"}'),
        ("TOKEN_ACCOUNTS", "true"),
        ("ALLOW_LOOPBACK", "true"),
        ("GITHUB_CLIENT_SECRET", "secret"),
    ],
)
def test_what_the_local_stage_alone_may_stops_every_other(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    config._refuse_development_in_aws(config._from_environment())
    monkeypatch.setenv("STAGE", "production")
    with pytest.raises(Misconfigured, match=f"{name} may be set on the local stage only"):
        config._refuse_development_in_aws(config._from_environment())

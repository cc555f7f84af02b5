"""The settings SEARCH and IMAGES."""

import json
from typing import Any

import pytest

from chalicelib import config
from chalicelib.engine.subtasks import services
from chalicelib.errors import NotConfigured
from tests.support.world import World

SEARXNG = {"provider": "searxng", "url": "https://x.example"}


def test_a_service_has_what_it_needs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    config.replace(search=json.dumps(SEARXNG))
    assert services.require("search") == SEARXNG
    monkeypatch.setenv("SOME_KEY", "secret")
    config.replace(search=json.dumps({"provider": "brave", "key_env": "SOME_KEY"}))
    assert services.require("search")["key"] == "secret"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("", "No service for search is configured: set SEARCH."),
        ("[1]", "SEARCH is not a JSON object."),
        ("{", "SEARCH is not a JSON object."),
        ({"provider": "bing"}, "SEARCH: provider must be searxng or brave."),
        ({"provider": "searxng"}, "SEARCH has no url."),
        ({"provider": "brave", "key_env": "ABSENT"}, "SEARCH has no key."),
    ],
)
def test_what_is_not_configured_is_named(world: World, setting: Any, words: str) -> None:
    config.replace(search=setting if isinstance(setting, str) else json.dumps(setting))
    with pytest.raises(NotConfigured) as raised:
        services.require("search")
    assert raised.value.message == words


def test_in_aws_the_text_comes_from_ssm_once_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(services.ssm, "find_parameter", lambda name: read.append(name) or json.dumps(SEARXNG))
    config.replace(search="", secrets_parameter="/p/keys")
    assert [services.require("search") for _ in range(3)] == [SEARXNG] * 3
    assert read == ["/p/keys/models-search"]
    world.clock.advance(61)
    services.require("search")
    assert len(read) == 2

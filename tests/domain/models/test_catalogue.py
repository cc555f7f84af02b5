"""The text of MODELS: valid values, and errors that name the place and show no secret."""

import json
from typing import Any

import pytest

from chalicelib.domain.models.catalogue import InvalidCatalogue, Model, Provider, entries, parse_catalogue

MODEL = {"id": "gpt-4", "name": "GPT-4", "model": "gpt-4-0613", "context_length": 128_000}
PROVIDER = {"name": "openai", "protocol": "openai", "key": "sk-secret", "models": [MODEL]}


def parse(*providers: Any) -> tuple[Provider, ...]:
    return parse_catalogue(json.dumps(providers))


def test_no_text_has_no_models() -> None:
    assert parse_catalogue("") == parse_catalogue("  ") == parse_catalogue("[]") == ()


def test_providers_and_models_keep_their_order() -> None:
    other = {
        "name": "local",
        "protocol": "ollama",
        "models": [{"id": "b", "context_length": 1}, {"id": "a", "context_length": 1}],
    }
    assert [(entry.provider.name, entry.model.id) for entry in entries(parse(PROVIDER, other))] == [
        ("openai", "gpt-4"),
        ("local", "b"),
        ("local", "a"),
    ]


def test_what_is_left_out_has_a_default() -> None:
    [provider] = parse({"name": "o", "protocol": "ollama", "models": [{"id": "mistral", "context_length": 8192}]})
    assert (provider.url, provider.key, provider.private, provider.concurrency) == (
        "http://127.0.0.1:11434",
        "",
        False,
        10,
    )
    [model] = provider.models
    assert (model.name, model.model, model.input_usd_per_million) == ("mistral", "mistral", None)


def test_everything_can_be_said() -> None:
    model = MODEL | {
        "description": "d",
        "input_usd_per_million": 2.5,
        "output_usd_per_million": 10,
        "priced_at": "2026-01-15",
        "max_output_tokens": 4096,
    }
    said = {"name": "b", "protocol": "bedrock", "url": "https://x.example/", "key_env": "K", "region": "eu-west-1"}
    [provider] = parse(said | {"private": True, "extra": "e", "concurrency": 2, "idle_seconds": 0.5, "models": [model]})
    assert provider == Provider(
        name="b",
        protocol="bedrock",
        url="https://x.example",
        key_env="K",
        region="eu-west-1",
        private=True,
        extra="e",
        concurrency=2,
        idle_seconds=0.5,
        models=(Model(**model),),
    )


@pytest.mark.parametrize(
    ("tokens_in", "tokens_out", "cost"), [(1000, 100, 3500), (0, 0, 0), (None, 1, None), (1, None, None), (1, 0, 2)]
)
def test_dollars_for_a_million_are_microdollars_for_one(
    tokens_in: int | None, tokens_out: int | None, cost: int | None
) -> None:
    model = Model(id="m", name="m", model="m", context_length=1, input_usd_per_million=2.5, output_usd_per_million=10)
    assert model.cost_microdollars(tokens_in, tokens_out) == cost
    assert Model(id="m", name="m", model="m", context_length=1).cost_microdollars(1, 1) is None


def test_a_free_model_costs_nothing() -> None:
    model = Model(id="m", name="m", model="m", context_length=1, input_usd_per_million=0, output_usd_per_million=0)
    assert model.cost_microdollars(1000, 1000) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is not JSON"),
        ('{"openai": {"key": "sk-secret"}}', "it is not a list of providers"),
        ("[7]", "provider 1 is not an object"),
    ],
)
def test_a_text_that_is_no_catalogue_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidCatalogue, match=words):
        parse_catalogue(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "provider 1: 'name' must be a text"),
        ({"name": 7}, "provider 1: 'name' must be a text"),
        ({"protocol": "grpc"}, "provider 1: 'protocol' must be one of openai, anthropic, bedrock, ollama"),
        ({"url": 7}, "provider 1: 'url' must be a text"),
        ({"key": 7}, "provider 1: 'key' must be a text"),
        ({"models": []}, "provider 1: 'models' must be a list with at least one model"),
        ({"models": {}}, "provider 1: 'models' must be a list"),
        ({"private": "yes"}, "provider 1: 'private' must be true or false"),
        ({"concurrency": 0}, "provider 1: 'concurrency' must be a whole number above 0"),
        ({"concurrency": 1.5}, "provider 1: 'concurrency' must be a whole number above 0"),
        ({"idle_seconds": True}, "provider 1: 'idle_seconds' must be a number above 0"),
        ({"keys": "x"}, "provider 1: there is no field 'keys': known are name, protocol"),
        ({"models": [7]}, "provider 1, model 1 is not an object"),
        ({"models": [MODEL, MODEL]}, "two models have the same id: gpt-4"),
        ({"models": [{"id": "m"}]}, "provider 1, model 1: 'context_length' must be a whole number"),
        ({"models": [MODEL | {"input_usd_per_million": -1}]}, "'input_usd_per_million' must be a number of dollars"),
        ({"models": [MODEL | {"max_output_tokens": "9"}]}, "'max_output_tokens' must be a whole number"),
    ],
)
def test_a_wrong_value_is_named_by_its_place(changes: Any, words: str) -> None:
    with pytest.raises(InvalidCatalogue, match=words) as caught:
        parse(PROVIDER | changes)
    assert "sk-secret" not in str(caught.value)


def test_two_providers_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidCatalogue, match="two providers have the same name: openai"):
        parse(PROVIDER, PROVIDER | {"models": [MODEL | {"id": "other"}]})

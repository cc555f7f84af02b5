"""The models of an org: their sources, whose keys are used, and that no key is shown."""

import json

import pytest

from chalicelib import config
from chalicelib.domain.models.catalogue import InvalidCatalogue
from chalicelib.engine.models import catalogue
from chalicelib.errors import InvalidRequest, NotConfigured, Unavailable
from chalicelib.providers import extras
from chalicelib.providers.extras import Extra, ExtraState, Phase
from tests.engine.models.conftest import Store
from tests.support.log import Log, logging_to
from tests.support.models import KEY, MODELS, PROVIDERS
from tests.support.world import ORG, World

NOTHING = "No language model is configured: set MODELS."


def keys(org: str = ORG) -> dict[str, str]:
    return {provider.name: provider.key for provider in catalogue.get_providers(org)}


def test_models_come_in_the_order_of_the_setting(configured_world: World) -> None:
    assert [entry.model.id for entry in catalogue.list_models(ORG)] == ["clever", "fast", "careful", "small"]
    assert catalogue.find_model(ORG, "careful").provider.name == "anthropic"


def test_a_deployment_without_models_says_which_setting_is_missing(world: World) -> None:
    assert catalogue.list_models(ORG) == []
    with pytest.raises(NotConfigured, match=NOTHING):
        catalogue.find_model(ORG, "clever")


def test_an_unknown_model_is_refused_with_the_known_ones(configured_world: World) -> None:
    with pytest.raises(InvalidRequest) as caught:
        catalogue.find_model(ORG, "x" * 5000)
    assert caught.value.message.startswith("model_id: there is no model 'xxx")
    assert caught.value.message.endswith("known are clever, fast, careful, small")
    assert len(caught.value.message) < 300
    assert list(caught.value.fields) == ["model_id"]


def test_in_aws_the_setting_may_be_a_parameter(store: Store) -> None:
    assert catalogue.list_models("other") == []
    store("models", MODELS)
    assert [entry.model.id for entry in catalogue.list_models(ORG)][:2] == ["clever", "fast"]


def test_an_org_s_own_key_is_used_in_the_place_of_the_shared_one(store: Store) -> None:
    store("models", MODELS)
    store(f"models/{ORG}", json.dumps({"openai": "sk-own", "ollama": 7, "nobody": "x"}))
    assert keys() == {"openai": "sk-own", "anthropic": KEY, "ollama": ""}
    assert keys("other") == {"openai": KEY, "anthropic": KEY, "ollama": ""}


def test_an_org_whose_name_is_no_parameter_s_has_the_shared_keys(store: Store) -> None:
    store("models", MODELS)
    store("models/x", json.dumps({"openai": "sk-x"}))
    assert keys("../models/x")["openai"] == KEY
    assert keys("x y")["openai"] == KEY


@pytest.mark.parametrize("text", ["{", "[]", '"sk-own"'])
def test_keys_that_are_no_object_are_logged_without_being_quoted(text: str, store: Store) -> None:
    store("models", MODELS)
    store(f"models/{ORG}", text)
    with logging_to(Log()) as log:
        assert keys()["openai"] == KEY
    assert "An org's model keys are not a JSON object" in log.text
    assert "sk-own" not in log.text


def test_a_key_may_stand_in_a_variable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-from-environment")
    said = [PROVIDERS[0] | {"key": "", "key_env": "SOME_KEY"}, PROVIDERS[1] | {"key": "", "key_env": "UNSET_KEY"}]
    config.replace(models=json.dumps(said))
    assert keys() == {"openai": "sk-from-environment", "anthropic": ""}


def test_a_changed_setting_is_in_force_at_once_and_a_changed_parameter_within_a_minute(
    store: Store, world: World
) -> None:
    store("models", MODELS)
    assert len(catalogue.list_models(ORG)) == 4
    store("models", json.dumps(PROVIDERS[:1]))
    assert len(catalogue.list_models(ORG)) == 4
    world.clock.advance(60)
    assert len(catalogue.list_models(ORG)) == 2
    config.replace(models=json.dumps(PROVIDERS[2:]))
    assert len(catalogue.list_models(ORG)) == 1


@pytest.mark.parametrize(("text", "words"), [("{", "it is not JSON"), ('[{"name": "x"}]', "provider 1: 'protocol'")])
def test_a_setting_that_is_not_valid_is_named_with_the_place(text: str, words: str, world: World) -> None:
    config.replace(models=text)
    with logging_to(Log()) as log, pytest.raises(NotConfigured, match=f"MODELS is not valid: {words}"):
        catalogue.list_models(ORG)
    assert "MODELS is not valid" in log.text
    with pytest.raises(InvalidCatalogue, match=words):
        catalogue.check_setting()


def test_an_extra_that_there_is_not_is_refused(world: World) -> None:
    config.replace(models=json.dumps([PROVIDERS[0] | {"extra": "nothing"}]))
    with pytest.raises(NotConfigured, match=r"provider openai: 'extra' must be one of .*model"):
        catalogue.list_models(ORG)


def test_a_parameter_store_that_does_not_answer_is_unavailable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise Unavailable("The deployment's secrets cannot be read now: try again shortly.")

    monkeypatch.setattr(catalogue.ssm, "find_parameter", fail)
    with pytest.raises(Unavailable):
        catalogue.list_models(ORG)


class Fixed:
    """A source with one state for every extra."""

    def __init__(self, phase: Phase) -> None:
        self._phase: Phase = phase

    def state(self, extra: Extra) -> ExtraState:
        return ExtraState(self._phase)


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        ("ready", "active"),
        ("installing", "installing"),
        ("missing", "unavailable"),
        ("failed", "unavailable"),
        ("off", "unavailable"),
    ],
)
def test_a_model_whose_packages_are_being_installed_says_so(phase: Phase, status: str, world: World) -> None:
    config.replace(models=json.dumps([PROVIDERS[0] | {"extra": "model"}]))
    before = extras.use(Fixed(phase))
    try:
        assert catalogue.model_status(catalogue.list_models(ORG)[0]) == status
    finally:
        extras.use(before)


def test_a_model_whose_protocol_needs_a_key_is_unavailable_without_one(world: World) -> None:
    config.replace(models=json.dumps([{**provider, "key": ""} for provider in PROVIDERS]))
    statuses = {entry.model.id: catalogue.model_status(entry) for entry in catalogue.list_models(ORG)}
    assert statuses == {"clever": "active", "fast": "active", "careful": "unavailable", "small": "active"}

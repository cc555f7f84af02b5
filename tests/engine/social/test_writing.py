"""Models write posts: one for each platform, within what it takes."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from chalicelib import clock, config
from chalicelib.domain.social import texts
from chalicelib.engine.security import long_call_slots
from chalicelib.engine.social import writing
from chalicelib.errors import NotConfigured, TooManyRequests, Unavailable
from tests.support.models import PROVIDERS, Models, models
from tests.support.world import ORG, World


@pytest.fixture
def fake_models(world: World) -> Iterator[Models]:
    with models(world) as fake_models:
        yield fake_models


def test_each_platform_has_a_post_that_it_takes(fake_models: Models) -> None:
    written = writing.write_posts(ORG, "word " * 1_000, ["twitter", "bluesky"], "casual")
    assert list(written) == ["twitter", "bluesky"]
    assert all(0 < texts.length(text, name) <= texts.RULES[name].max_length for name, text in written.items())
    instructions = {asked.body["messages"][0]["content"] for asked in fake_models.openai.requests}
    assert len(instructions) == 2 and all("casual" in text for text in instructions)


def test_a_provider_that_answers_one_at_a_time_writes_for_all_platforms(fake_models: Models) -> None:
    config.replace(models=json.dumps([PROVIDERS[0] | {"concurrency": 1}]))
    written = writing.write_posts(ORG, "A text.", ["twitter", "linkedin", "mastodon", "bluesky"], "casual")
    assert len(written) == len(fake_models.openai.requests) == 4


def test_all_platforms_together_have_one_deadline(fake_models: Models) -> None:
    config.replace(models=json.dumps([PROVIDERS[0] | {"concurrency": 1}]))
    before = clock.now()
    for mode in ("slow", "silent"):
        fake_models.openai.mode = mode
        with suppress(Unavailable):
            writing.write_posts(ORG, "A text.", ["twitter", "linkedin", "mastodon"], "casual")
    assert clock.now() - before <= 2 * writing.SECONDS * clock.SECOND


def test_a_slow_model_writes_for_all_platforms_as_far_as_it_comes(fake_models: Models) -> None:
    config.replace(models=json.dumps([PROVIDERS[0] | {"concurrency": 1}]))
    fake_models.openai.text, fake_models.openai.mode = "Tea is warm. Tea is", "slow"
    written = writing.write_posts(ORG, "A text.", ["linkedin", "twitter", "mastodon"], "casual")
    assert written == dict.fromkeys(["linkedin", "twitter", "mastodon"], "Tea is warm.")


def test_posts_wait_for_a_free_call_of_the_provider(fake_models: Models) -> None:
    with fake_models.all_calls_taken(seconds=15):
        assert set(writing.write_posts(ORG, "A text.", ["twitter", "bluesky"], "casual")) == {"twitter", "bluesky"}


def test_a_model_that_does_not_answer_is_unavailable(fake_models: Models) -> None:
    fake_models.openai.modes = ["broken"] * 9
    with pytest.raises(Unavailable, match="The model wrote no post for twitter"):
        writing.write_posts(ORG, "A text.", ["twitter"], "professional")


def test_a_busy_provider_says_when_to_try_again(fake_models: Models) -> None:
    fake_models.openai.mode = "rate limited"
    with pytest.raises(Unavailable) as caught:
        writing.write_posts(ORG, "A text.", ["twitter"], "professional")
    assert caught.value.retry_after == 7


def test_without_a_model_it_says_what_to_set(fake_models: Models) -> None:
    config.replace(models="")
    with pytest.raises(NotConfigured, match="set MODELS"):
        writing.write_posts(ORG, "A text.", ["twitter"], "professional")


def test_an_org_waits_for_few_models_at_once(fake_models: Models) -> None:
    with ExitStack() as held, pytest.raises(TooManyRequests):
        for _ in range(writing.MAX_AT_ONCE):
            held.enter_context(long_call_slots.hold_slot(ORG, "social-texts", writing.MAX_AT_ONCE, writing.SECONDS))
        writing.write_posts(ORG, "A text.", ["twitter"], "professional")

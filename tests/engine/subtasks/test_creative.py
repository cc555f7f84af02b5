"""Writing: a model's draft, its title apart from its text."""

import pytest

from chalicelib.domain.models.chat import ModelFailure
from chalicelib.engine.subtasks import creative
from chalicelib.engine.subtasks.creative import Brief
from chalicelib.errors import NotConfigured, Unavailable
from tests.support import cpu_time
from tests.support.models import Models
from tests.support.world import ORG, World


@pytest.mark.parametrize(
    ("text", "title", "content"),
    [
        ("# A title\n\nWords.", "A title", "Words."),
        ('Title: "A title"\nWords.', "A title", "Words."),
        ("**A title**\n\nWords.", "A title", "Words."),
        ("**Bold** words.", "AI", "**Bold** words."),
        ("Words.", "AI", "Words."),
    ],
)
def test_the_title_is_the_model_s_or_the_topic(fake_models: Models, text: str, title: str, content: str) -> None:
    fake_models.openai.text = text
    assert creative.write(ORG, Brief("AI"), seconds=5) == (title, content, "clever")


def test_the_model_is_told_what_to_write_by(fake_models: Models) -> None:
    creative.write(ORG, Brief("AI", "humorous", "short", ["A fact."], "Old text.", ["Shorten it."]), seconds=5)
    request = fake_models.openai.requests[-1].body
    words = str(request["messages"])
    assert all(part in words for part in ("humorous", "150 words", "A fact.", "Old text.", "Shorten it.", "Invent no"))
    assert request["max_tokens"] == 240


def test_who_reads_it_and_how_it_sounds_is_told_too(fake_models: Models) -> None:
    brief = Brief("AI", length=60, content_type="newsletter", tone="warm", audience="nurses", keyword="night shift")
    creative.write(ORG, brief, seconds=5)
    request = fake_models.openai.requests[-1].body
    words = str(request["messages"])
    assert all(part in words for part in ("a newsletter about: AI", "warm tone", "60 words", "nurses", "night shift"))
    assert request["max_tokens"] == 96


def test_within_a_request_what_is_written_when_the_time_is_over_ends_with_a_whole_sentence(fake_models: Models) -> None:
    fake_models.openai.text, fake_models.openai.mode = "# Tea\n\nIt is hot. Drink it slow ly", "slow"
    assert creative.write_now(ORG, Brief("AI")) == ("Tea", "It is hot.", "clever")
    with pytest.raises(ModelFailure):
        creative.write(ORG, Brief("AI"), seconds=5)


def test_within_a_request_a_free_call_of_the_provider_is_waited_for(fake_models: Models) -> None:
    with fake_models.all_calls_taken(seconds=15):
        assert creative.write_now(ORG, Brief("AI")).model == "clever"
    with fake_models.all_calls_taken(seconds=15), pytest.raises(ModelFailure):
        creative.write(ORG, Brief("AI"), seconds=300)


def test_within_a_request_a_failure_is_503(fake_models: Models) -> None:
    fake_models.openai.models = ("other",)
    with pytest.raises(ModelFailure):
        creative.write(ORG, Brief("AI"), seconds=5)
    with pytest.raises(Unavailable, match="The model gave no answer"):
        creative.write_now(ORG, Brief("AI"))


def test_a_busy_provider_says_when_to_try_again(fake_models: Models) -> None:
    fake_models.openai.mode = "rate limited"
    with pytest.raises(Unavailable) as caught:
        creative.write_now(ORG, Brief("AI"))
    assert caught.value.retry_after == 7


def test_without_a_model_the_setting_is_named(world: World) -> None:
    with pytest.raises(NotConfigured, match="MODELS"):
        creative.write_now(ORG, Brief("AI"))


@pytest.mark.parametrize("text", ["# " + "#" * 50_000 + "x", "# a" + "# " * 25_000 + "x"])
def test_no_draft_takes_long_to_read(fake_models: Models, text: str) -> None:
    fake_models.openai.text = text
    with cpu_time.limited_to(5):
        creative.write(ORG, Brief("AI"), seconds=5)


def test_a_title_without_words_is_none(fake_models: Models) -> None:
    fake_models.openai.text = "# ##\n\nWords."
    assert creative.write(ORG, Brief("AI"), seconds=5) == ("AI", "Words.", "clever")


def test_a_title_is_never_longer_than_a_post_can_have(fake_models: Models) -> None:
    fake_models.openai.text = f"# {'long-' * 60}line\n\nWords."
    assert creative.write(ORG, Brief("AI"), seconds=5)[:2] == ("AI", fake_models.openai.text)
    fake_models.openai.text = "Words."
    assert len(creative.write(ORG, Brief("word " * 100), seconds=5).title) <= creative.MAX_TITLE_CHARS

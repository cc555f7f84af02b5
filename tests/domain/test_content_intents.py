import pytest

from chalicelib.domain import content_intents
from chalicelib.domain.content_intents import INTENTS


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("create_blog_post", "create_blog_post", {"content_type": "blog post"}),
        (
            "Write a blog post about AI trends for developers in a friendly tone.",
            "create_blog_post",
            {"content_type": "blog post", "topic": "AI trends", "target_audience": "developers", "tone": "friendly"},
        ),
        ("please draft an article on Gardens", "create_article", {"content_type": "article", "topic": "Gardens"}),
        ("generate_article", "create_article", {"content_type": "article"}),
        ("Generate content about tea.", "create_content", {"topic": "tea"}),
        ("content_creation", "create_content", {}),
        ("analysis", "analyze_content", {}),
        ("Optimization", "optimize_content", {}),
        ("analyse it", "analyze_content", {}),
        ("improve-content", "optimize_content", {}),
        ("write something", None, {}),
        ("a blog post", None, {}),
        ("rewritten", None, {}),
        ("", None, {}),
    ],
)
def test_an_intent_is_understood_by_rules(text: str, name: str | None, parameters: dict[str, str]) -> None:
    intent = content_intents.understand(text)
    assert (intent.name if intent else None, dict(intent.parameters) if intent else {}) == (name, parameters)


@pytest.mark.parametrize("name", INTENTS)
def test_every_intent_is_understood_by_its_name(name: str) -> None:
    assert content_intents.understand(name) == INTENTS[name]


def test_a_long_text_is_understood_in_no_time() -> None:
    assert content_intents.understand("write a story about " + "for " * 500) is not None

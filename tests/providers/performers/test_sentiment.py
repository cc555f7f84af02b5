"""The sentiment of texts, and its confidence."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.providers.performers import registry
from chalicelib.providers.performers.sentiment import (
    NEUTRAL_BELOW,
    SentimentAnalysis,
    SentimentInput,
    confidence,
    sentiment,
)

ANALYSIS = SentimentAnalysis()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Great customer service experience!", "positive"),
        ("I love it, thank you so much :)", "positive"),
        ("This is the worst, I am very angry.", "negative"),
        ("Not good at all.", "negative"),
        ("The parcel weighs two kilograms.", "neutral"),
        ("größer 😀😀", "positive"),
        ("...", "neutral"),
    ],
)
def test_a_text_is_positive_negative_or_neutral(text: str, word: str) -> None:
    analysis = ANALYSIS.perform(SentimentInput(text=text))
    assert analysis["sentiment"] == word
    assert 0.5 < analysis["confidence"] <= 1
    assert re.fullmatch(r"\d+(\.\d+)?s", analysis["processing_time"])


def test_the_longest_text_is_done_within_seconds() -> None:
    found = ANALYSIS.perform(SentimentInput(text=("good " * 4_000)[:20_000]))
    assert found["sentiment"] == "positive"
    assert float(found["processing_time"].rstrip("s")) < 10


@given(compound=st.floats(-1, 1))
def test_confidence_is_above_a_half_and_a_neutral_text_is_the_surer_the_nearer_to_nothing(compound: float) -> None:
    assert 0.5 < confidence(compound) <= 1
    assert confidence(compound) == confidence(-compound)
    assert (sentiment(compound) == "neutral") == (abs(compound) < NEUTRAL_BELOW)


def test_a_stronger_score_is_a_surer_word() -> None:
    scores = [NEUTRAL_BELOW, 0.3, 0.6, 0.95, 1.0]
    assert [confidence(score) for score in scores] == [0.525, 0.65, 0.8, 0.975, 1.0]
    assert all(confidence(low) > confidence(high) for low, high in pairwise([0.0, 0.02, 0.04]))


@pytest.mark.parametrize("data", [{}, {"text": ""}, {"text": None}, {"text": 7}, {"text": "x" * 20_001}])
def test_what_is_no_text_is_refused(data: object) -> None:
    with pytest.raises(ValidationError):
        SentimentInput.model_validate(data)


def test_every_registered_performer_is_there_under_its_own_name() -> None:
    for pool in registry.PERFORMERS:
        for name in registry.task_types(pool):
            found = registry.find_performer(pool, name)
            assert found is not None
            assert found.name == name
    assert registry.find_performer("support", "none") is None
    assert registry.task_types("nowhere") == ()

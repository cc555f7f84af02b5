"""Sentiment of a text, by VADER's lexicon and rules (English)."""

from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib import clock

NEUTRAL_BELOW = 0.05
"""VADER's own threshold: a compound score nearer to 0 is neutral."""


class SentimentInput(BaseModel):
    """The text to analyse; other members of the task's data are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    text: str = Field(min_length=1, max_length=20_000)


class SentimentAnalysis:
    """Classifies a text as positive, negative or neutral."""

    name: ClassVar[str] = "sentiment_analysis"
    input: ClassVar[type[BaseModel]] = SentimentInput

    def perform(self, payload: SentimentInput) -> dict[str, Any]:
        """`sentiment`, `confidence` (0-1, from VADER's compound score in -1 to 1), and `processing_time` in seconds."""
        started = clock.stopwatch()
        compound = self._analyzer.polarity_scores(payload.text)["compound"]
        return {
            "sentiment": sentiment(compound),
            "confidence": confidence(compound),
            "processing_time": f"{round(clock.stopwatch() - started, 4):g}s",
        }

    @cached_property
    def _analyzer(self) -> Any:
        # The lexicon takes a tenth of a second to read: only functions that analyse wait for it.
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer()


def sentiment(compound: float) -> Literal["positive", "negative", "neutral"]:
    """The word for a compound score, by VADER's own thresholds."""
    if abs(compound) < NEUTRAL_BELOW:
        return "neutral"
    return "positive" if compound > 0 else "negative"


def confidence(compound: float) -> float:
    """How sure the classification is: about 0.5 for a score at the threshold, 1 at the end of the scale. For a neutral
    text, how near to 0 the score is."""
    sure = 1 - abs(compound) if abs(compound) < NEUTRAL_BELOW else (1 + abs(compound)) / 2
    return round(sure, 4)

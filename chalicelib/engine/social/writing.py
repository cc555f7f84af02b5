"""A language model writes posts from a longer text: one for each platform, none longer than the platform takes."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from chalicelib import clock
from chalicelib.domain.deliveries.receivers import Platform
from chalicelib.domain.models.chat import Message, ModelFailure
from chalicelib.domain.social import prompts, texts
from chalicelib.domain.social.prompts import Style
from chalicelib.engine.models import catalogue, current_model, generation
from chalicelib.engine.models.generation import Ask, Patience
from chalicelib.engine.security import long_call_slots
from chalicelib.errors import Unavailable

SECONDS = 24.0
"""API Gateway waits for 29 seconds."""
PATIENCE = Patience(waits_for_slot=True, accepts_part=True)
MAX_AT_ONCE = 5
"""Requests of one org that wait for models here."""


def write_posts(org: str, content: str, platforms: Sequence[Platform], style: Style) -> dict[Platform, str]:
    """A post for each platform, as many at once as the model's provider takes. Three calls, and four for each platform.

    The time is shared; a post that is not finished in its part ends with its last whole sentence. Raises NotConfigured
    without a model, Unavailable where one writes nothing in time, and TooManyRequests.
    """
    catalogue.require_models(org)
    most = current_model.get_current(org).entry.provider.concurrency
    with (
        long_call_slots.hold_required_slot(org, "social-texts", MAX_AT_ONCE, SECONDS),
        ThreadPoolExecutor(max_workers=min(len(platforms), most)) as threads,
    ):
        ends_at = clock.steady() + SECONDS * clock.SECOND

        def write(place: int) -> str:
            rounds = -(-(len(platforms) - place) // most)
            seconds = (ends_at - clock.steady()) / clock.SECOND / rounds
            return _write(org, content, platforms[place], style, seconds)

        written = list(threads.map(write, range(len(platforms))))
    return dict(zip(platforms, written, strict=True))


def _write(org: str, content: str, platform: Platform, style: Style, seconds: float) -> str:
    ask = Ask(
        messages=(Message("system", prompts.instruction(platform, style)), Message("user", content)),
        max_tokens=prompts.max_tokens(platform),
        timeout_seconds=seconds,
    )
    try:
        text = prompts.clean(generation.generate(org, ask, PATIENCE).whole_text)
    except ModelFailure as failure:
        words = f"The model wrote no post for {platform}: {failure}"
        raise Unavailable(words, retry_after=failure.retry_after) from None
    if not text:
        raise Unavailable(f"The model wrote an empty post for {platform}; try again")
    return texts.cut(text, platform)

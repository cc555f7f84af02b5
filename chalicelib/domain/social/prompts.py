"""What a language model is asked when it writes posts, and what is left of its answer."""

import re
from collections.abc import Mapping
from typing import Literal

from chalicelib.domain.deliveries.receivers import Platform
from chalicelib.domain.social.texts import RULES

Style = Literal["professional", "casual", "promotional"]

_NAMES: Mapping[Platform, str] = {
    "twitter": "X (Twitter)",
    "linkedin": "LinkedIn",
    "instagram": "Instagram",
    "mastodon": "Mastodon",
    "bluesky": "Bluesky",
}
_STYLES: Mapping[Style, str] = {
    "professional": "Write in a professional tone, without slang.",
    "casual": "Write in a casual, friendly tone.",
    "promotional": "Write so that readers want to read the whole text, without false promises.",
}
_MAX_WORDS = 200
_CHARACTERS_PER_WORD = 7
_QUOTES = re.compile(r'^(["“\'])(.*)["”\']$', re.DOTALL)
_LABEL = re.compile(r"^(?:here (?:is|are)[^\n:]{0,80}|(?:tweet|post|caption)[^\n:]{0,30}):\s*", re.IGNORECASE)


def instruction(platform: Platform, style: Style) -> str:
    """The system message; the user's message is the text that the post is about."""
    words = _words(platform)
    return (
        f"You write one post for {_NAMES[platform]} about the text that the user sends. {_STYLES[style]} "
        f"Use at most {words} words and one or two hashtags. Say only what the text says. Answer with the post alone."
    )


def max_tokens(platform: Platform) -> int:
    """Tokens for the answer: two for each word, and some for hashtags."""
    return 2 * _words(platform) + 40


def _words(platform: Platform) -> int:
    return min(_MAX_WORDS, RULES[platform].max_length // _CHARACTERS_PER_WORD)


def clean(text: str) -> str:
    """The post without what models write around it: an introduction, and quotation marks around all of it."""
    post = _LABEL.sub("", text.strip())
    match = _QUOTES.match(post)
    return match[2].strip() if match and match[1] not in match[2] else post.strip()

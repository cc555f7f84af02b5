"""What each platform takes, as their documentation says: the length of a text, as it counts it, and images."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from chalicelib.domain.deliveries.receivers import Platform
from chalicelib.domain.social.post import Post

URL = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'…]")
HASHTAG = re.compile(r"(?<![\w&/])#(?=\w*[^\W\d_])\w+")
"""A hashtag in a text: it has a letter."""
_URL_WEIGHT = 23
"""X shortens every link to one of this length."""
_LIGHT = re.compile(r"[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
"""The characters that count once on X; all others count twice (docs.x.com, "Counting characters")."""
_EMOJI = re.compile("[\u203c-\u3299\U0001f000-\U0001faff]")


class Rules(NamedTuple):
    """What a platform takes."""

    max_length: int
    max_images: int = 4
    min_images: int = 0
    max_hashtags: int | None = None


RULES: Mapping[Platform, Rules] = {
    "twitter": Rules(280),
    "linkedin": Rules(3_000),
    "instagram": Rules(2_200, min_images=1, max_hashtags=30),
    "mastodon": Rules(500),
    "bluesky": Rules(300),
}
MAX_IMAGES = 4
BLUESKY_MAX_BYTES = 3_000


def length(text: str, platform: Platform) -> int:
    """The length of a text as the platform counts it."""
    if platform == "twitter":
        rest, links = URL.subn("", text)
        return links * _URL_WEIGHT + sum(map(_weight, _graphemes(rest)))
    if platform == "mastodon":
        rest, links = URL.subn("", text)
        return links * _URL_WEIGHT + len(_graphemes(rest))
    return len(_graphemes(text)) if platform == "bluesky" else len(text)


def _graphemes(text: str) -> list[str]:
    """The characters as a reader sees them: an emoji is one, however many code points it has."""
    import regex

    found: list[str] = regex.findall(r"\X", text)
    return found


def _weight(grapheme: str) -> int:
    if _EMOJI.search(grapheme):
        return 2
    return sum(1 if _LIGHT.match(character) else 2 for character in grapheme)


def cut(text: str, platform: Platform, max_length: int | None = None) -> str:
    """The text as far as the platform takes it: whole sentences or words where that is possible."""
    most = max_length or RULES[platform].max_length
    if length(text, platform) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if length(f"{text[:middle]}…", platform) <= most else (low, middle - 1)
    head = text[:low]
    space = max(head.rfind(" "), head.rfind("\n"))
    return f"{(head[:space] if space > low // 2 else head).rstrip()}…"


def find_problems(post: Post, platform: Platform, max_length: int | None = None) -> dict[str, str]:
    """Why the platform does not take the post, by field; empty if it does. `max_length` is the account's own."""
    rules, problems = RULES[platform], dict[str, str]()
    most, size = max_length or rules.max_length, length(post.text, platform)
    if size > most:
        problems["content"] = f"{platform} takes {most} characters, and this text with its hashtags has {size}"
    elif platform == "bluesky" and len(post.text.encode()) > BLUESKY_MAX_BYTES:
        problems["content"] = f"{platform} takes {BLUESKY_MAX_BYTES} bytes"
    if len(post.images) < rules.min_images:
        problems["images"] = f"{platform} takes no post without an image"
    tags = len(HASHTAG.findall(post.text))
    if rules.max_hashtags is not None and tags > rules.max_hashtags:
        problems["hashtags"] = f"{platform} takes {rules.max_hashtags} hashtags, and this text has {tags}"
    return problems

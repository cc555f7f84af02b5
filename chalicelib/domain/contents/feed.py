"""Posts as an RSS 2.0 feed, with their whole content in it."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import NamedTuple

from chalicelib.domain.contents.content import Post

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold."""


class Feed(NamedTuple):
    """A feed of posts: its title, and the URL below which the API's paths are."""

    title: str
    root: str

    def to_rss(self, posts: Sequence[Post]) -> str:
        """The feed with these posts, newest first."""
        return "\n".join(
            (
                '<?xml version="1.0" encoding="UTF-8"?>',
                '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
                ' xmlns:atom="http://www.w3.org/2005/Atom"><channel>',
                _element("title", self.title),
                _element("link", f"{self.root}/api/posts"),
                _element("description", "The newest posts"),
                f'<atom:link href="{_text(self.root)}/api/rss" rel="self" type="application/rss+xml"/>',
                *(line for post in posts for line in self._item(post)),
                "</channel></rss>",
            )
        )

    def _item(self, post: Post) -> Iterator[str]:
        content = post.content
        yield "<item>"
        yield _element("title", _as_html(content.title))
        yield _element("link", f"{self.root}/api/posts/{content.slug}")
        yield f'<guid isPermaLink="false">{_text(content.id)}</guid>'
        yield _element("pubDate", _date(content.published_at or 0))
        yield from (_element("category", label.name) for label in (content.category, *content.tags) if label)
        if content.excerpt:
            yield _element("description", _as_html(content.excerpt))
        yield _element("content:encoded", post.html)
        yield "</item>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{_text(text)}</{name}>"


def _as_html(text: str) -> str:
    """Plain text, escaped once more: readers take it for HTML."""
    return escape(text, quote=False)


def _text(text: str) -> str:
    return escape(_NO_XML.sub("", text))


def _date(instant: int) -> str:
    """The instant, in epoch milliseconds, as RFC 822 has it."""
    return format_datetime(datetime.fromtimestamp(instant / 1000, UTC), usegmt=True)

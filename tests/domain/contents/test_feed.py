"""The feed as a feed reader reads it."""

from dataclasses import replace
from typing import Any

import feedparser
import pytest

from chalicelib.domain.contents.content import Content, Label, Post, Status
from chalicelib.domain.contents.feed import Feed

CONTENT = Content(
    org="acme",
    id="content_1",
    number=1,
    title="Bread & <b>butter</b>",
    excerpt='Said "so" <i>& more</i>',
    category=Label("technology", "Technology"),
    tags=(Label("ai", "AI & I"),),
    status=Status.PUBLISHED,
    slug="bread-butter",
    published_at=1_767_268_800_000,
    created_by="ann",
    created_at=1,
    updated_at=1,
)


def read(*posts: Post) -> Any:
    feed = feedparser.parse(Feed("Posts", "https://api.example.com/studio").to_rss(posts))
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


def test_a_reader_finds_every_post_with_its_whole_content() -> None:
    feed = read(Post(CONTENT, '<p>Some <em>words</em> &amp; "more"</p>'), Post(replace(CONTENT, id="content_2"), "x"))
    assert (feed.version, feed.feed.title, feed.feed.link) == (
        "rss20",
        "Posts",
        "https://api.example.com/studio/api/posts",
    )
    first, second = feed.entries
    assert (first.id, second.id) == ("content_1", "content_2")
    assert first.title == "Bread &amp; &lt;b&gt;butter&lt;/b&gt;"
    assert first.link == "https://api.example.com/studio/api/posts/bread-butter"
    assert first.published_parsed[:6] == (2026, 1, 1, 12, 0, 0)
    assert first.content[0].value == '<p>Some <em>words</em> &amp; "more"</p>'
    assert first.summary == 'Said "so" &lt;i&gt;&amp; more&lt;/i&gt;'
    assert [tag.term for tag in first.tags] == ["Technology", "AI & I"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00\x08\x0b\x1fb", "ab"),
        ("a\ufffe\uffffb", "ab"),
        ("a]]>b", "a]]&gt;b"),
        ("a</title><x>b</x>", "a&lt;/title&gt;&lt;x&gt;b&lt;/x&gt;"),
    ],
)
def test_no_text_breaks_the_feed(text: str, shown: str) -> None:
    [entry] = read(Post(replace(CONTENT, title=text, excerpt=text), text)).entries
    assert entry.title == shown


def test_an_empty_feed_is_a_feed() -> None:
    assert read().entries == []

"""What platforms take: lengths as each counts them, cuts, and what is wrong with a post."""

import pytest

from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.social import texts
from chalicelib.domain.social.post import Image, Post, parse_id
from tests.domain.social.samples import sample


@pytest.mark.parametrize(
    ("text", "platform", "length"),
    [
        ("hello", "twitter", 5),
        ("日本", "twitter", 4),
        ("👨‍👩‍👧‍👦!", "twitter", 3),
        ("see https://example.com/a/very/long/path?with=query. Yes", "twitter", 4 + 23 + 5),
        ("👨‍👩‍👧‍👦", "bluesky", 1),
        ("https://example.com/a", "mastodon", 23),
        ("https://example.com/a", "linkedin", 21),
    ],
)
def test_each_platform_counts_in_its_own_way(text: str, platform: Platform, length: int) -> None:
    assert texts.length(text, platform) == length


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_text_is_cut_to_what_the_platform_takes(platform: Platform) -> None:
    for text in ("word " * 1_000, "日本語" * 2_000, "x" * 5_000, "https://example.com/ok " * 400):
        cut = texts.cut(text, platform)
        assert texts.length(cut, platform) <= texts.RULES[platform].max_length and cut.endswith("…")
    assert texts.cut("short", platform) == "short"


def test_a_cut_leaves_whole_words() -> None:
    assert texts.cut("one two three four", "twitter", 12) == "one two…"


def test_hashtags_that_the_text_has_are_not_added_again() -> None:
    post = sample(content="All about #AI today", hashtags=("#ai", "#tech"))
    assert post.text == "All about #AI today\n\n#tech"


def test_a_post_is_stored_and_read_again() -> None:
    post = sample(images=(Image("https://images.example/1.jpg", "a picture"),), scheduled_at=5)
    assert Post.from_json(post.to_json()) == post


@pytest.mark.parametrize(
    ("post", "platform", "fields"),
    [
        (sample(content="x" * 280), "twitter", set()),
        (sample(content="x" * 281), "twitter", {"content"}),
        (sample(content="x" * 279, hashtags=("#ai",)), "twitter", {"content"}),
        (sample(), "instagram", {"images"}),
        (sample(content=" ".join(f"#a{n}" for n in range(31))), "instagram", {"images", "hashtags"}),
        (sample(content="👨‍👩‍👧‍👦" * 150), "bluesky", {"content"}),
    ],
)
def test_what_is_wrong_is_said_by_field(post: Post, platform: Platform, fields: set[str]) -> None:
    assert set(texts.find_problems(post, platform)) == fields


def test_an_account_of_its_own_may_take_more() -> None:
    assert texts.find_problems(sample(content="x" * 501), "mastodon")
    assert not texts.find_problems(sample(content="x" * 501), "mastodon", 5_000)


def test_an_id_names_a_post_or_what_it_is_on_one_platform() -> None:
    assert parse_id("post_1") == ("post_1", None)
    assert parse_id("post_1.bluesky") == ("post_1", "bluesky")
    assert parse_id("post_1.myspace") == ("post_1.myspace", None)

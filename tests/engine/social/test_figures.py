"""Figures are the platforms' own, and nothing else."""

import pytest

from chalicelib.engine.social import figures, posts
from chalicelib.engine.social.figures import Analytics
from chalicelib.engine.social.posts import NewPost
from chalicelib.errors import Conflict, InvalidRequest, NotConfigured, Unavailable
from chalicelib.providers.social import Figures, Trend
from tests.support.social import CUT_OFF, DEAD, Platforms, platforms
from tests.support.world import ORG, START, World


@pytest.fixture
def fakes(world: World) -> Platforms:
    return platforms(world)


def test_the_figures_of_all_platforms_are_added_and_unknown_ones_stay_unknown(fakes: Platforms) -> None:
    fakes.connect("twitter", "mastodon")
    post_id = posts.create(ORG, NewPost(("twitter", "mastodon"), "Hello!"), "ada").post.id
    fakes.world.settle()
    on_x = Analytics(figures.read_figures(ORG, f"{post_id}.twitter"))
    assert on_x.figures == Figures(5_000, 150, 50, 50)
    assert (on_x.engagements, on_x.engagement_rate) == (250, 0.05)
    both = Analytics(figures.read_figures(ORG, post_id))
    assert both.figures == Figures(None, 161, 56, 57)
    assert (both.engagements, both.engagement_rate) == (274, None)


def test_what_is_not_published_or_not_answered_has_no_figures(fakes: Platforms) -> None:
    fakes.connect("twitter")
    post_id = posts.create(ORG, NewPost(("twitter",), "Hello!", scheduled_at=START + 5_000), "ada").post.id
    with pytest.raises(Conflict, match="not published"):
        figures.read_figures(ORG, post_id)
    fakes.world.advance(6)
    fakes.twitter.reply = DEAD
    with pytest.raises(Unavailable, match="twitter does not answer"):
        figures.read_figures(ORG, post_id)


def test_a_post_whose_id_was_lost_is_not_asked_for(fakes: Platforms) -> None:
    """The answer to the request that published it was cut off."""
    fakes.connect("mastodon")
    post_id = posts.create(ORG, NewPost(("mastodon",), "Hello!"), "ada").post.id
    fakes.mastodon.reply = CUT_OFF
    fakes.world.settle()
    asked = len(fakes.mastodon.requests)
    assert figures.read_figures(ORG, post_id) == Figures() and len(fakes.mastodon.requests) == asked


def test_trends_that_are_not_the_platforms_are_not_cached(fakes: Platforms) -> None:
    fakes.connect("twitter")
    fakes.twitter.reply = CUT_OFF
    with pytest.raises(Unavailable, match="the answer is not the platform's"):
        figures.list_trends(ORG, "twitter")
    fakes.twitter.reply = None
    assert figures.list_trends(ORG, "twitter")


def test_a_figure_that_is_missing_is_none_and_not_zero() -> None:
    assert Analytics(Figures(0, 0, 0, 0)).engagement_rate is None
    assert Analytics(Figures(100, 1, None, 1)).engagements is None


def test_trends_are_asked_for_once_and_only_where_there_are_any(fakes: Platforms) -> None:
    with pytest.raises(NotConfigured, match="Not connected: twitter or mastodon"):
        figures.list_trends(ORG, None)
    with pytest.raises(InvalidRequest, match="linkedin does not say what is trending; twitter, mastodon do"):
        figures.list_trends(ORG, "linkedin")
    fakes.connect("mastodon")
    count = len(fakes.mastodon.requests)
    for platform in (None, "mastodon", None):
        assert [trend.topic for trend in figures.list_trends(ORG, platform)] == ["#hola"]  # type: ignore[arg-type]
    assert len(fakes.mastodon.requests) == count + 1


@pytest.mark.parametrize(("rate", "word"), [(None, None), (2.0, "rising"), (1.0, "stable"), (0.5, "falling")])
def test_a_topic_rises_or_falls_against_the_day_before(rate: float | None, word: str | None) -> None:
    assert figures.velocity(Trend("#ai", 5, rate)) == word

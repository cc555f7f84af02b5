"""Publishing: on time, once, and visibly failed where it is not known."""

from typing import Any

import pytest

from chalicelib.config import settings
from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.social import publishing as rules
from chalicelib.domain.social.post import Image, PlatformPost
from chalicelib.engine.social import accounts, posts
from chalicelib.engine.social.posts import NewPost
from chalicelib.providers.http.outbound import Unreachable
from tests.support.aws import counting
from tests.support.social import CREDENTIALS, DEAD, IMAGE_URL, TOKEN, Platforms, platforms
from tests.support.world import ORG, START, World, answer

RECOGNISES = ("mastodon", "bluesky")
PUBLISHING = {
    "twitter": "/2/tweets",
    "linkedin": "/rest/posts",
    "instagram": "/v23.0/17841405309211844/media_publish",
    "mastodon": "/api/v1/statuses",
    "bluesky": "/xrpc/com.atproto.repo.putRecord",
}


@pytest.fixture
def fakes(world: World) -> Platforms:
    platform_fakes = platforms(world)
    platform_fakes.connect()
    return platform_fakes


def create(*on: Platform, **changes: Any) -> str:
    images = (Image(IMAGE_URL),) if "instagram" in on else ()
    made = posts.create(ORG, NewPost(on, **{"content": "Hello!", "images": images} | changes), "ada")
    return made.post.id


def read_post(identifier: str) -> PlatformPost:
    [found] = posts.get(ORG, identifier)
    return found


def count_attempts(fakes: Platforms, name: Platform) -> int:
    return fakes.fake(name).requests.count(("POST", PUBLISHING[name]))


def wait(fakes: Platforms, seconds: int) -> None:
    """Let time pass, with a sweep every ten minutes."""
    for _ in range(seconds // 600):
        fakes.world.clock.advance(600)
        fakes.world.sweep()
        fakes.world.settle()


def wait_long(fakes: Platforms) -> None:
    """Let ten hours pass, with a sweep in each."""
    for _ in range(10):
        fakes.world.settle()
        fakes.world.clock.advance(3_700)
        fakes.world.sweep()


@pytest.mark.parametrize("name", PLATFORMS)
def test_after_a_lost_answer_there_is_no_second_post(fakes: Platforms, name: Platform) -> None:
    fakes.fake(name).lost = 1
    post_id = create(name)
    fakes.world.settle()
    wait(fakes, 3_600)
    assert len(fakes.fake(name).published) == 1
    if name in RECOGNISES:
        assert (read_post(post_id).status, count_attempts(fakes, name)) == ("published", 2)
    else:
        assert (read_post(post_id).status, read_post(post_id).delivery.reason) == ("failed", rules.UNKNOWN)
        assert count_attempts(fakes, name) == 1


@pytest.mark.parametrize(
    ("name", "reply"), [("twitter", answer(500)), ("linkedin", Unreachable("closed")), ("bluesky", answer(504))]
)
def test_a_failure_that_may_have_published_is_unknown(fakes: Platforms, name: Platform, reply: Any) -> None:
    post_id = create(name)
    fake, ask = fakes.fake(name), fakes.fake(name).request

    def request(method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        if url.partition("?")[0].endswith(PUBLISHING[name]) and method == "POST":
            fake.requests.append((method, PUBLISHING[name]))
            if isinstance(reply, Exception):
                raise reply
            return reply
        return ask(method, url, headers, body)

    fake.request = request  # type: ignore[method-assign]
    fakes.world.settle()
    if name in RECOGNISES:
        wait_long(fakes)
    assert (read_post(post_id).status, read_post(post_id).delivery.reason) == ("failed", rules.UNKNOWN)
    assert (count_attempts(fakes, name) > 1) is (name in RECOGNISES)


@pytest.mark.parametrize(
    "reply", [Unreachable("refused"), Unreachable("dns"), answer(503), answer(429, retry_after="90")]
)
def test_a_post_that_cannot_have_been_published_is_tried_again(fakes: Platforms, reply: Any) -> None:
    fakes.twitter.reply = reply
    post_id = create("twitter")
    fakes.world.settle()
    assert read_post(post_id).status == "scheduled"
    fakes.twitter.reply = None
    fakes.world.advance(200)
    assert (read_post(post_id).status, len(fakes.twitter.published)) == ("published", 1)


def test_a_limit_of_the_rate_is_obeyed_by_all_posts(fakes: Platforms) -> None:
    fakes.twitter.reply = answer(429, x_rate_limit_reset=str(START // 1000 + 600))
    create("twitter")
    fakes.world.settle()
    create("twitter", content="Another")
    fakes.world.settle()
    assert count_attempts(fakes, "twitter") == 1
    fakes.twitter.reply = None
    fakes.world.advance(590)
    assert not fakes.twitter.published
    fakes.world.advance(130)
    assert len(fakes.twitter.published) == 2


def test_a_refusal_is_final_and_repeats_no_secret(fakes: Platforms) -> None:
    fakes.twitter.reply = answer(403, {"detail": f"{TOKEN} may not do this"})
    post_id = create("twitter")
    fakes.world.settle()
    wait(fakes, 3_600)
    assert read_post(post_id).status == "failed" and count_attempts(fakes, "twitter") == 1
    reason = str(read_post(post_id).delivery.reason)
    assert TOKEN not in reason and "*** may not do this" in reason


def test_it_is_given_up_after_some_hours(fakes: Platforms) -> None:
    fakes.twitter.reply = answer(503)
    made = create("twitter")
    wait_long(fakes)
    assert (read_post(made).status, count_attempts(fakes, "twitter")) == ("failed", rules.MAX_TRIES)


@pytest.mark.parametrize("ahead", [1, 61, 900, 901, 3_600, 86_400])
def test_a_scheduled_post_is_published_when_it_is_due(fakes: Platforms, ahead: int) -> None:
    post_id = create("twitter", scheduled_at=START + ahead * 1_000)
    fakes.world.clock.advance(max(0, ahead - 700))
    fakes.world.advance(min(ahead, 700) - 1)
    assert not fakes.twitter.published and read_post(post_id).status == "scheduled"
    fakes.world.advance(1)
    assert len(fakes.twitter.published) == 1 and read_post(post_id).published_at == START + ahead * 1_000


def test_a_scheduled_post_whose_wakeup_is_lost_is_found_by_the_sweep(fakes: Platforms) -> None:
    create("twitter", scheduled_at=START + 300_000)
    fakes.world.queues.queues[settings().wakeups_queue].clear()
    fakes.world.advance(300 + 121)
    assert len(fakes.twitter.published) == 1


def test_a_post_whose_account_is_gone_fails_and_says_why(fakes: Platforms) -> None:
    post_id = create("twitter", scheduled_at=START + 60_000)
    accounts.disconnect(ORG, "twitter")
    fakes.world.advance(130)
    assert read_post(post_id).status == "failed" and "connect it" in str(read_post(post_id).delivery.reason)
    fakes.connect("twitter")
    posts.cross_post(ORG, post_id, ["twitter"])
    fakes.world.settle()
    assert read_post(f"{post_id}.twitter").status == "published"


def test_an_unknown_outcome_is_not_tried_with_another_account(fakes: Platforms) -> None:
    fakes.mastodon.lost = 1
    post_id = create("mastodon")
    fakes.world.settle()
    fakes.world.clock.advance(1)
    accounts.connect(ORG, "mastodon", CREDENTIALS["mastodon"], "ada")
    wait(fakes, 1_200)
    assert (read_post(post_id).status, read_post(post_id).delivery.reason) == ("failed", rules.UNKNOWN)
    assert count_attempts(fakes, "mastodon") == 1


def test_an_image_that_is_late_delays_the_post_and_one_that_is_none_fails_it(fakes: Platforms) -> None:
    replies = iter([answer(503), answer(200)])
    fakes.world.servers["images.example"] = lambda *_: next(replies)
    post_id = create("twitter", images=(Image(IMAGE_URL),))
    fakes.world.settle()
    assert read_post(post_id).status == "scheduled"
    fakes.world.advance(120)
    assert read_post(post_id).status == "failed" and count_attempts(fakes, "twitter") == 0


def test_messages_come_twice_and_nothing_is_published_twice(fakes: Platforms) -> None:
    create("twitter")
    [message] = fakes.world.queues.receive(settings().notifications_queue, 1)
    for _ in range(3):
        fakes.world.run("notifications", [message])
    assert count_attempts(fakes, "twitter") == 1


def test_a_post_costs_five_calls(fakes: Platforms) -> None:
    create("twitter")
    with counting() as calls:
        fakes.world.handle("notifications")
    assert len(fakes.twitter.published) == 1 and sum(calls.values()) == 5


def test_the_platforms_do_not_wait_for_one_another(fakes: Platforms) -> None:
    fakes.twitter.reply = DEAD
    made = create("twitter", "mastodon")
    fakes.world.settle()
    assert read_post(f"{made}.mastodon").status == "published"

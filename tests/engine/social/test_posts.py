"""Posts: created whole or not at all, listed newest first, cross-posted once, deleted everywhere."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.deliveries.receivers import Platform
from chalicelib.domain.social.post import Image
from chalicelib.engine.social import accounts, posts
from chalicelib.engine.social.posts import Created, NewPost
from chalicelib.errors import Conflict, IdempotencyMismatch, InvalidRequest, NotConfigured, NotFound, Unavailable
from chalicelib.storage.deliveries.deliveries import DeliveryItem
from tests.support import aws
from tests.support.aws import counting
from tests.support.social import CUT_OFF, DEAD, IMAGE_URL, Platforms, platforms
from tests.support.world import ORG, START, World, answer

HOUR = 3_600_000


@pytest.fixture
def fakes(world: World) -> Platforms:
    platform_fakes = platforms(world)
    platform_fakes.connect()
    return platform_fakes


def create(*on: Platform, key: str | None = None, **changes: Any) -> Created:
    return posts.create(ORG, NewPost(on or ("twitter",), **{"content": "Hello!"} | changes), "ada", key)


def list_posts(platform: Platform | None = None, limit: int = 100) -> list[tuple[str, str]]:
    return [(one.id, one.status) for one in posts.list_page(ORG, platform, limit).posts]


def test_a_post_is_published_on_each_of_its_platforms(fakes: Platforms) -> None:
    creation = create("twitter", "mastodon", hashtags=("#ai",))
    assert [one.status for one in creation.on_platforms] == ["scheduled", "scheduled"]
    fakes.world.settle()
    assert fakes.twitter.texts == fakes.mastodon.texts == ["Hello!\n\n#ai"]
    assert list_posts() == [(f"{creation.post.id}.twitter", "published"), (f"{creation.post.id}.mastodon", "published")]
    assert list_posts("mastodon") == [(f"{creation.post.id}.mastodon", "published")]
    [on_x] = posts.get(ORG, f"{creation.post.id}.twitter")
    assert on_x.published_at == START and on_x.delivery.receipts[1].startswith("https://x.com/acme/status/")


def test_creating_costs_three_calls(fakes: Platforms) -> None:
    with counting() as calls:
        create("twitter", "mastodon")
    assert sum(calls.values()) == 2  # and one of SQS
    with counting() as calls:
        posts.list_page(ORG, "twitter", 20)
    assert sum(calls.values()) == 2


def test_a_post_that_one_platform_does_not_take_is_created_nowhere(fakes: Platforms) -> None:
    accounts.disconnect(ORG, "linkedin")
    with pytest.raises(NotConfigured, match=r"Not connected: linkedin. Connect an account with POST"):
        create("twitter", "linkedin")
    with pytest.raises(InvalidRequest) as refused:
        create("twitter", "instagram", content="x" * 300)
    assert set(refused.value.fields) == {"content", "images"}
    with pytest.raises(InvalidRequest, match=r"images\.0\.url"):
        create(images=(Image("https://127.0.0.1/x"),))
    for at in (START, START - 1, START + 366 * 24 * HOUR):
        with pytest.raises(InvalidRequest, match="scheduled_at: it is within the next 365 days"):
            create(scheduled_at=at)
    fakes.world.settle()
    assert list_posts() == [] and not aws.items(DeliveryItem) and not fakes.twitter.published


def test_the_same_key_gives_the_same_post_once(fakes: Platforms) -> None:
    first = create(key="k")
    fakes.world.clock.advance(5)
    assert create(key="k").post == first.post
    fakes.world.settle()
    assert len(fakes.twitter.published) == 1
    assert create(key="other").post.id != first.post.id
    with pytest.raises(IdempotencyMismatch):
        create(content="Another", key="k")


def test_pages_hold_every_post_once_newest_first(fakes: Platforms) -> None:
    creations = []
    for number in range(5):
        creations.append(create("twitter", "mastodon", "bluesky", content=f"post {number}"))
        fakes.world.clock.advance(1 if number % 2 else 0)
    seen, cursor = list[str](), None
    while True:
        page = posts.list_page(ORG, None, 4, cursor)
        seen += [one.id for one in page.posts]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 15
    assert sorted(seen) == sorted(one.id for created in creations for one in created.on_platforms)
    assert seen[0].startswith(creations[-1].post.id)
    first = posts.list_page(ORG, None, 4).cursor
    with pytest.raises(InvalidRequest, match="cursor"):
        posts.list_page(ORG, "twitter", 4, first)


def test_another_org_sees_none_of_it(fakes: Platforms) -> None:
    creation = create()
    fakes.connect("mastodon", org="other")
    assert posts.list_page("other", None, 10).posts == []
    for act in (posts.get, posts.delete):
        with pytest.raises(NotFound):
            act("other", creation.post.id)
    with pytest.raises(NotFound):
        posts.cross_post("other", creation.post.id, ["mastodon"])


def test_a_key_of_another_org_is_another_key(fakes: Platforms) -> None:
    first = create("mastodon", key="k")
    fakes.connect("mastodon", org="other")
    theirs = posts.create("other", NewPost(("mastodon",), "Hello!"), "ada", "k")
    assert theirs.post.id != first.post.id


def test_a_post_that_is_deleted_while_it_is_cross_posted_is_not_published(fakes: Platforms) -> None:
    creation = create(scheduled_at=START + HOUR)

    def delete_first(call: aws.Call, send: Callable[[], Any]) -> Any:
        with aws.without_interference():
            if call[1] == "TransactWriteItems" and list_posts():
                posts.delete(ORG, creation.post.id)
        return send()

    with aws.interfering(delete_first), pytest.raises(NotFound):
        posts.cross_post(ORG, creation.post.id, ["mastodon"])
    fakes.world.advance(HOUR // 1_000)
    assert list_posts() == [] and not fakes.mastodon.published


def test_a_cross_post_is_published_once_however_often_it_is_asked_for(fakes: Platforms) -> None:
    creation = create()
    fakes.world.settle()
    for _ in range(3):
        crossed = posts.cross_post(ORG, f"{creation.post.id}.twitter", ["twitter", "mastodon"])
        fakes.world.settle()
    assert [one.status for one in crossed.on_platforms] == ["published", "published"]
    assert (len(fakes.twitter.published), len(fakes.mastodon.published)) == (1, 1)


def test_a_cross_post_of_a_scheduled_post_waits_like_it(fakes: Platforms) -> None:
    made = create(scheduled_at=START + HOUR)
    posts.cross_post(ORG, made.post.id, ["mastodon"])
    fakes.world.clock.advance(3_000)
    fakes.world.advance(590)
    assert not fakes.mastodon.published and not fakes.twitter.published
    fakes.world.advance(20)
    assert (len(fakes.twitter.published), len(fakes.mastodon.published)) == (1, 1)


def test_a_refused_post_can_be_posted_again_and_an_unknown_one_cannot(fakes: Platforms) -> None:
    fakes.twitter.reply = answer(401, {"detail": "Unauthorized"})
    fakes.linkedin.lost = 1
    creation = create("twitter", "linkedin")
    fakes.world.settle()
    assert [status for _, status in list_posts()] == ["failed", "failed"]
    fakes.twitter.reply = None
    for _ in range(2):
        posts.cross_post(ORG, creation.post.id, ["twitter", "linkedin"])
        fakes.world.settle()
    assert (len(fakes.twitter.published), len(fakes.linkedin.published)) == (1, 1)
    assert dict(list_posts()) == {f"{creation.post.id}.twitter": "published", f"{creation.post.id}.linkedin": "failed"}


def test_a_cross_post_is_checked_like_a_new_one(fakes: Platforms) -> None:
    made = create("mastodon", content="x" * 400)
    with pytest.raises(InvalidRequest, match="twitter takes 280 characters, and this text with its hashtags has 400"):
        posts.cross_post(ORG, made.post.id, ["linkedin", "twitter"])
    with pytest.raises(NotFound):
        posts.cross_post(ORG, "post_none", ["twitter"])
    fakes.world.settle()
    assert not fakes.linkedin.published


def test_a_scheduled_post_that_is_deleted_is_not_published(fakes: Platforms) -> None:
    creation = create("twitter", "mastodon", scheduled_at=START + HOUR)
    posts.delete(ORG, f"{creation.post.id}.twitter")
    assert list_posts() == [(f"{creation.post.id}.mastodon", "scheduled")]
    fakes.world.clock.advance(3_000)
    fakes.world.advance(700)
    assert not fakes.twitter.published and len(fakes.mastodon.published) == 1
    with pytest.raises(NotFound):
        posts.delete(ORG, f"{creation.post.id}.twitter")


def test_a_published_post_is_deleted_on_its_platforms(fakes: Platforms) -> None:
    creation = create("twitter", "mastodon", "bluesky", "linkedin")
    fakes.world.settle()
    posts.delete(ORG, creation.post.id)
    assert not any(fakes.fake(name).published for name in ("twitter", "mastodon", "bluesky", "linkedin"))
    assert list_posts() == [] and not [item for item in aws.items(DeliveryItem) if creation.post.id in item.id]
    with pytest.raises(NotFound):
        posts.delete(ORG, creation.post.id)


def test_a_post_stays_until_its_platform_has_deleted_it(fakes: Platforms) -> None:
    creation = create("twitter", "mastodon")
    fakes.world.settle()
    fakes.mastodon.reply = DEAD
    with pytest.raises(Unavailable, match="mastodon does not answer"):
        posts.delete(ORG, creation.post.id)
    assert list_posts() == [(f"{creation.post.id}.mastodon", "published")]
    fakes.mastodon.reply = None
    posts.delete(ORG, creation.post.id)
    assert list_posts() == [] and not fakes.mastodon.published


def test_a_post_whose_id_was_lost_cannot_be_deleted(fakes: Platforms) -> None:
    """The answer to the request that published it was cut off: to delete another one would be no deletion."""
    creation = create("mastodon")
    fakes.mastodon.reply = CUT_OFF
    fakes.world.settle()
    fakes.mastodon.reply = None
    with pytest.raises(Conflict, match="mastodon did not say under which id"):
        posts.delete(ORG, creation.post.id)
    assert list_posts() == [(f"{creation.post.id}.mastodon", "published")]


def test_instagram_deletes_nothing_and_nothing_else_is_deleted_then(fakes: Platforms) -> None:
    creation = create("twitter", "instagram", images=(Image(IMAGE_URL),))
    fakes.world.settle()
    with pytest.raises(Conflict, match="instagram deletes nothing by API"):
        posts.delete(ORG, creation.post.id)
    assert len(list_posts()) == 2 and fakes.twitter.published


def test_a_post_that_is_deleted_while_its_image_is_uploaded_is_not_published(fakes: Platforms) -> None:
    creation = create(images=(Image(IMAGE_URL),))

    def delete_meanwhile() -> Any:
        posts.delete(ORG, creation.post.id)
        return answer(200, {"data": {"id": "1", "media_key": "3_1"}})

    fakes.twitter.reply = delete_meanwhile
    fakes.world.settle()
    assert list_posts() == [] and fakes.twitter.requests[-1] == ("POST", "/2/media/upload")


def test_a_post_that_is_being_published_cannot_be_deleted(fakes: Platforms) -> None:
    creation = create()
    refused = []

    def delete_meanwhile() -> Any:
        if fakes.twitter.requests[-1] == ("POST", "/2/tweets"):
            with pytest.raises(Conflict, match="is being published on twitter"):
                posts.delete(ORG, creation.post.id)
            refused.append(True)
        return answer(201, {"data": {"id": "1", "text": "Hello!"}})

    fakes.twitter.reply = delete_meanwhile
    fakes.world.settle()
    assert refused and list_posts() == [(f"{creation.post.id}.twitter", "published")]


def test_a_repetition_after_its_time_gives_the_same_post_and_not_another_one(fakes: Platforms) -> None:
    """Its answer was lost. A refusal would have its caller schedule it again."""
    first = create(key="k", scheduled_at=START + 60_000)
    fakes.world.advance(90)
    assert create(key="k", scheduled_at=START + 60_000).post == first.post
    accounts.disconnect(ORG, "twitter")
    assert create(key="k", scheduled_at=START + 60_000).on_platforms[0].status == "published"
    with pytest.raises(NotConfigured):
        create(key="another")


def test_a_post_that_may_be_published_cannot_be_deleted_while_it_is_tried_again(fakes: Platforms) -> None:
    fakes.mastodon.lost = 1
    creation = create("mastodon")
    while not fakes.mastodon.published:
        fakes.world.step()
    fakes.mastodon.reply = answer(503, {})
    fakes.world.settle()
    fakes.world.advance(10)
    [waiting] = posts.get(ORG, creation.post.id)
    assert len(fakes.mastodon.published) == 1 and len(waiting.delivery.attempts) > 1
    with pytest.raises(Conflict, match="is being published on mastodon"):
        posts.delete(ORG, creation.post.id)


def test_a_page_that_grows_too_large_ends_early_and_the_next_one_goes_on(
    fakes: Platforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "MAX_PAGE_CHARS", 1_000)
    made = [create("twitter", "mastodon", content="\u8a9e" * 60).post.id for _ in range(2)]
    seen_ids, cursor = [], None
    for _ in range(2):
        page = posts.list_page(ORG, None, 20, cursor)
        seen_ids += [one.id for one in page.posts]
        assert len(page.posts) == 2
        cursor = page.cursor
    assert cursor is None
    assert sorted(seen_ids) == sorted(f"{post_id}.{name}" for post_id in made for name in ("twitter", "mastodon"))

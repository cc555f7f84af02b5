"""Posts on social platforms: created, cross-posted, listed and deleted. engine/social/publishing.py publishes them."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.social import post as post_rules
from chalicelib.domain.social import publishing as rules
from chalicelib.domain.social import texts
from chalicelib.domain.social.post import Image, PlatformPost, Post
from chalicelib.engine.deliveries.attempt_queue import enqueue_attempts, enqueue_wakeup
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.security import cursors
from chalicelib.engine.social import accounts
from chalicelib.engine.social.accounts import SocialAccount
from chalicelib.engine.tasks import payloads
from chalicelib.errors import Conflict, IdempotencyMismatch, InvalidRequest, NotConfigured, NotFound, Unavailable
from chalicelib.providers.http import outbound
from chalicelib.providers.social import get_platform
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries import posts as storage
from chalicelib.storage.deliveries.deliveries import Key

MAX_PAGE_CHARS = 2_000_000
"""Of the texts of one page. A server of Mastodon's may take long ones."""


class NewPost(NamedTuple):
    """What a caller asks to publish."""

    platforms: tuple[Platform, ...]
    content: str
    images: tuple[Image, ...] = ()
    hashtags: tuple[str, ...] = ()
    scheduled_at: int | None = None


class Created(NamedTuple):
    """A post, and what it is on each platform."""

    post: Post
    on_platforms: list[PlatformPost]


class Page(NamedTuple):
    """One page of posts; `cursor` leads to the next page, None after the last."""

    posts: list[PlatformPost]
    cursor: str | None


def create(org: str, draft: NewPost, by: str, key: str | None = None) -> Created:
    """Store a post, to be published at once or when it is scheduled. Three calls.

    An idempotency `key` (`idempotency.scoped_key`) makes repetitions return the first post, as long as it is kept, also
    when its time has passed or its account is disconnected.
    Raises InvalidRequest where a platform would not take it, NotConfigured for a platform that is not connected, and
    IdempotencyMismatch.
    """
    post_id = ids.derived(post_rules.ID_PREFIX, org, key) if key is not None else ids.new(post_rules.ID_PREFIX)
    post = Post(post_id, created_at=clock.now(), created_by=by, **draft._asdict())
    try:
        _require_fit(post, accounts.require(org, post.platforms).values())
    except (InvalidRequest, NotConfigured):
        if key is None or storage.find(org, post_id) is None:
            raise
        return _created_before(org, post)  # what was possible then may be so no longer
    new_deliveries = [_new_delivery(org, post, platform) for platform in post.platforms]
    if not storage.create(org, post, new_deliveries):
        return _created_before(org, post)
    _enqueue(new_deliveries)
    return Created(post, [PlatformPost(post, delivery) for delivery in new_deliveries])


def _created_before(org: str, post: Post) -> Created:
    """The post that the key was used for, or this very one: its write was made, and the answer was lost."""
    stored = storage.find(org, post.id)
    if stored is None:
        raise Unavailable("The post was deleted meanwhile; try again")
    if stored._replace(created_at=post.created_at) != post:
        raise IdempotencyMismatch("The Idempotency-Key was used before with another body")
    return Created(stored, [PlatformPost(stored, delivery) for delivery in _find_deliveries(org, stored)])


def _require_fit(post: Post, connected: Iterable[SocialAccount]) -> None:
    problems: dict[str, str] = {}
    for account in connected:
        problems |= texts.find_problems(post, account.platform, account.max_length)
    if post.scheduled_at is not None and not 0 < post.scheduled_at - post.created_at <= post_rules.MAX_AHEAD_MS:
        problems["scheduled_at"] = "it is within the next 365 days, or null for now"
    for number, image in enumerate(post.images):
        try:
            outbound.check_url(image.url)
        except InvalidRequest as error:
            problems[f"images.{number}.url"] = error.message
    if problems:
        raise InvalidRequest("; ".join(f"{name}: {problem}" for name, problem in problems.items()), fields=problems)


def _new_delivery(org: str, post: Post, platform: Platform) -> Delivery:
    now = clock.now()
    return Delivery(
        org=org,
        receiver=platform,
        id=_delivery_id(post),
        event=post_rules.EVENT,
        created_at=now,
        wake_at=rules.first_look_at(post.due_at, now),
        expires_at=post.due_at + post_rules.RETENTION_MS,
    )


def _delivery_id(post: Post) -> str:
    return deliveries.delivery_id(post.created_at, post.id)


def _enqueue(new: Sequence[Delivery]) -> None:
    """Have the posts published, those that are due; the sweep does what this call could not."""
    now = clock.now()
    with suppress(Unavailable):
        enqueue_attempts([delivery for delivery in new if delivery.wake_at is not None and delivery.wake_at <= now])
        for delivery in new:
            if delivery.wake_at is not None and delivery.wake_at > now:
                enqueue_wakeup(delivery)


def cross_post(org: str, identifier: str, platforms: Sequence[Platform]) -> Created:
    """Publish a post on further platforms, at once or when it is scheduled. Four calls.

    Where it is already, whatever its status, nothing is changed, unless the platform has refused it: then it is tried
    again. Raises NotFound, and as `create`.
    """

    def attempt() -> tuple[Post, list[Delivery], list[Delivery]]:
        post = _get(org, identifier)
        stored = {delivery.receiver: delivery for delivery in _find_deliveries(org, post, platforms)}
        wanted = [name for name in platforms if name not in stored or rules.can_be_restarted(stored[name])]
        if wanted:
            _require_fit(post._replace(scheduled_at=None), accounts.require(org, wanted).values())
        changes = [_publish_write(org, post, name, stored.get(name)) for name in wanted]
        _commit([storage.exists_check(org, post.id), *(write for _, write in changes)] if changes else [])
        changed = {delivery.receiver: delivery for delivery, _ in changes}
        return post, [(stored | changed)[name] for name in platforms], list(changed.values())

    post, shown, changed = optimistic.retry(attempt)
    _enqueue(changed)
    return Created(post, [PlatformPost(post, delivery) for delivery in shown])


def _publish_write(org: str, post: Post, platform: Platform, old: Delivery | None) -> tuple[Delivery, Write]:
    new = _new_delivery(org, post, platform)
    if old is None:
        return new, storage.create_delivery_write(new)
    again = replace(rules.restarted(old, new.wake_at or clock.now()), version=old.version + 1)
    return again, storage.replace_delivery_write(old, again)


def _commit(writes: Sequence[Write]) -> None:
    try:
        if writes:
            dynamodb.commit(*writes)
    except ConditionFailed:
        raise StaleRead from None


def _get(org: str, identifier: str) -> Post:
    post = storage.find(org, post_rules.parse_id(identifier)[0])
    if post is None:
        raise NotFound("Post", identifier)
    return post


def _find_deliveries(org: str, post: Post, platforms: Sequence[Platform] = PLATFORMS) -> list[Delivery]:
    keys = [Key(org, platform, _delivery_id(post)) for platform in platforms]
    found = deliveries.find_by_key(keys)
    return [found[key] for key in keys if key in found]


def get(org: str, identifier: str) -> list[PlatformPost]:
    """What the post is on its platforms, or on the one that the id names. Two calls. Raises NotFound."""
    post, (_, platform) = _get(org, identifier), post_rules.parse_id(identifier)
    deliveries = _find_deliveries(org, post, PLATFORMS if platform is None else [platform])
    if not deliveries:
        raise NotFound("Post", identifier)
    return [PlatformPost(post, delivery) for delivery in deliveries]


def list_page(org: str, platform: Platform | None, limit: int, cursor: str | None = None) -> Page:
    """The newest posts on a platform, or on all of them. A page that grows too large ends early. One
    call for each platform, and one for their texts.

    Raises InvalidRequest for a cursor of another list.
    """
    bound = ("posts", org, platform)
    before, _, last = cursors.read(cursor, *bound).partition("#") if cursor is not None else ("", "", "")
    rows = [
        delivery
        for name in ((platform,) if platform is not None else PLATFORMS)
        for delivery in storage.list_page(org, name, before or None, limit + 1, inclusive=name < last)
    ]
    page = sorted(rows, key=lambda delivery: (delivery.id, delivery.receiver), reverse=True)
    posts = storage.find_many(org, [delivery.event_id for delivery in page[:limit]])
    fitting = list(payloads.that_fit(page[:limit], lambda each: _chars(posts.get(each.event_id)), MAX_PAGE_CHARS))
    shown = [PlatformPost(posts[delivery.event_id], delivery) for delivery in fitting if delivery.event_id in posts]
    mark = f"{fitting[-1].id}#{fitting[-1].receiver}" if len(page) > len(fitting) else None
    return Page(shown, cursors.seal(mark, *bound) if mark is not None else None)


def _chars(post: Post | None) -> int:
    return 0 if post is None else payloads.answer_chars(post.text)


def delete(org: str, identifier: str) -> None:
    """Delete a post on its platforms, or on the one that the id names: one that waits is not published, and one that is
    published is deleted there, too. Two calls, four for each platform, and one.

    Raises NotFound; Conflict while it is being published, and where the platform deletes nothing or has not said the
    post's id; Unavailable, when the rest stays and the request can be repeated.
    """
    platform_posts = get(org, identifier)
    for on_platform in platform_posts:
        _require_deletable(on_platform.delivery)
    for on_platform in platform_posts:
        optimistic.retry(_deletion(org, on_platform))
    storage.delete_if_unused(org, platform_posts[0].post.id, platform_posts[0].delivery)


def _require_deletable(delivery: Delivery) -> None:
    if delivery.status != "delivered":
        return
    platform = _platform(delivery)
    if not get_platform(platform).deletes:
        raise Conflict(f"{platform} deletes nothing by API: delete the post there")
    if delivery.receipts[0] == UNKNOWN_RECEIPT:
        raise Conflict(f"{platform} did not say under which id it published the post: delete the post there")


def _deletion(org: str, on_platform: PlatformPost) -> Callable[[], None]:
    def attempt() -> None:
        key = Key.from_delivery(on_platform.delivery)
        latest = deliveries.find(*key)
        if latest is None:
            return
        if rules.may_be_published(latest):
            raise Conflict(f"The post is being published on {latest.receiver}: delete it in a few minutes")
        _require_deletable(latest)
        if latest.status == "delivered":
            _delete_there(org, latest)
        if not storage.delete_delivery(latest):
            raise StaleRead

    return attempt


def _delete_there(org: str, delivery: Delivery) -> None:
    platform = _platform(delivery)
    account = accounts.require(org, [platform])[platform]
    accounts.ask(org, account, lambda: get_platform(platform).delete(account.settings, delivery.receipts[0]))


def _platform(delivery: Delivery) -> Platform:
    return next(platform for platform in PLATFORMS if platform == delivery.receiver)

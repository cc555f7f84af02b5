"""Posts on social platforms, in the `deliveries` table: the post once, among the org's events, and a delivery for each
platform, in the platform's partition."""

from collections.abc import Iterable, Sequence

from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.social.post import RETENTION_MS, Post
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries.deliveries import DeliveryItem


def create(org: str, post: Post, deliveries_of_it: Sequence[Delivery]) -> bool:
    """Write a post and its deliveries, all or none. Returns False when there is a post with this id. One call."""
    expires_at = post.due_at + RETENTION_MS
    try:
        dynamodb.commit(
            *deliveries.create_writes(org, post.id, post.to_json(), deliveries_of_it, expires_at=expires_at)
        )
    except ConditionFailed:
        return False
    return True


def find(org: str, post_id: str) -> Post | None:
    """The post, or None. One consistent read."""
    return find_many(org, [post_id]).get(post_id)


def find_many(org: str, post_ids: Iterable[str]) -> dict[str, Post]:
    """Those of the posts that exist, by id. One consistent call for each hundred."""
    keys = [(deliveries.events_partition(org), post_id) for post_id in dict.fromkeys(post_ids)]
    with dynamodb.reading():
        items = DeliveryItem.batch_get(keys, consistent_read=True) if keys else ()
        return {item.id: Post.from_json(str(item.body)) for item in items if item.body is not None}


def list_page(org: str, platform: Platform, before: str | None, limit: int, *, inclusive: bool) -> list[Delivery]:
    """The newest deliveries to a platform, or the newest of those before an id; `inclusive` takes this id, too. One
    consistent call."""
    bound = None
    if before is not None:
        bound = DeliveryItem.id <= before if inclusive else DeliveryItem.id < before
    with dynamodb.reading():
        items = DeliveryItem.query(
            deliveries.receiver_partition(org, platform),
            bound,
            consistent_read=True,
            scan_index_forward=False,
            limit=limit,
            page_size=limit,
        )
        return [deliveries.parse(item) for item in items]


def exists_check(org: str, post_id: str) -> Write:
    """The check, within a transaction, that the post is there."""
    return dynamodb.check(_post_key(org, post_id), DeliveryItem.id.exists())


def create_delivery_write(delivery: Delivery) -> Write:
    """The write of a new delivery, refused when there is one."""
    return dynamodb.put(deliveries.to_item(delivery), DeliveryItem.id.does_not_exist())


def replace_delivery_write(old: Delivery, new: Delivery) -> Write:
    """The write from `old` to `new`, refused when somebody wrote since `old` was read."""
    return dynamodb.put(deliveries.to_item(new), DeliveryItem.version == old.version)


def delete_delivery(delivery: Delivery) -> bool:
    """Delete a delivery. Returns False when somebody wrote since it was read. One call."""
    try:
        dynamodb.commit(
            dynamodb.delete(_delivery_key(delivery, delivery.receiver), DeliveryItem.version == delivery.version)
        )
    except ConditionFailed as refused:
        return refused.items[0] is None
    return True


def delete_if_unused(org: str, post_id: str, delivery: Delivery) -> None:
    """Delete the post unless it has a delivery to any platform. `delivery` is one that it had. One call."""
    is_absent = DeliveryItem.id.does_not_exist()
    checks = [dynamodb.check(_delivery_key(delivery, platform), is_absent) for platform in PLATFORMS]
    anything = DeliveryItem.id.exists() | DeliveryItem.id.does_not_exist()
    try:
        dynamodb.commit(dynamodb.delete(_post_key(org, post_id), anything), *checks)
    except ConditionFailed:
        return


def _post_key(org: str, post_id: str) -> DeliveryItem:
    return DeliveryItem(deliveries.events_partition(org), post_id)


def _delivery_key(delivery: Delivery, platform: str) -> DeliveryItem:
    return DeliveryItem(deliveries.receiver_partition(delivery.org, platform), delivery.id)

"""Posts on social platforms in the simulation: the invariant that none is published twice or lost silently, and the
stories during which the process dies."""

from collections.abc import Callable

from chalicelib.domain.deliveries.receivers import Platform
from chalicelib.domain.social import publishing as rules
from chalicelib.domain.social.post import EVENT, Post
from chalicelib.engine.social import posts
from chalicelib.engine.social.posts import NewPost
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries.deliveries import DeliveryItem
from tests.support import aws
from tests.support.social import FakePlatform, Platforms, platforms
from tests.support.world import ORG, World

Act = Callable[[], object]
HOSTS: dict[Platform, str] = {"linkedin": "api.linkedin.com", "mastodon": "mastodon.example", "twitter": "api.x.com"}


def posts_are_published_once(world: World) -> None:
    """Each platform has a post once at most. What a delivery says is so: published is there, a refusal is not, and
    whatever is there without being said is unknown."""
    items = list(aws.items(DeliveryItem))
    texts = {item.id: Post.from_json(str(item.body)).text for item in items if item.id.startswith("post_")}
    stored = [deliveries.parse(item) for item in items if item.event == EVENT]
    for name, host in HOSTS.items():
        fake: FakePlatform | None = world.servers.get(host)  # type: ignore[assignment]
        for delivery in (one for one in stored if one.receiver == name):
            count = 0 if fake is None else fake.texts.count(texts[delivery.event_id])
            is_unknown = rules.unknown_since(delivery) is not None
            assert count <= 1, f"{name} has a post {count} times"
            assert count == 1 or delivery.status != "delivered", f"{name} does not have what is said to be published"
            assert count == 0 or delivery.status == "delivered" or is_unknown, (
                f"{name} has what is said to be not there"
            )


def _prepare(world: World, *names: Platform) -> Platforms:
    """Connect these platforms, and create a post that nobody has published yet."""
    fakes = platforms(world)
    fakes.connect(*names)
    posts.create(ORG, NewPost(names, "Hello!"), "ada", "once")
    return fakes


def _publish(world: World) -> Act:
    """One platform takes the post, and the answer of the other is lost."""
    _prepare(world, "linkedin", "mastodon").mastodon.lost = 1
    return lambda: [world.handle("notifications") for _ in range(2)]


def _cross_post(world: World) -> Act:
    fakes = _prepare(world, "linkedin")
    world.settle()
    fakes.connect("mastodon")
    [made] = posts.list_page(ORG, None, 1).posts
    return lambda: posts.cross_post(ORG, made.post.id, ["mastodon"])


def _delete(world: World) -> Act:
    """A post that waits is deleted, and so is one that is published."""
    _prepare(world, "linkedin", "mastodon")
    world.handle("notifications")
    [made] = {one.post.id for one in posts.list_page(ORG, None, 2).posts}
    return lambda: posts.delete(ORG, made)


STORIES: dict[str, Callable[[World], Act]] = {
    "publication of a post": _publish,
    "cross-post": _cross_post,
    "deletion of a post": _delete,
}

"""Social publishing in a day: accounts, posts that are published, refused, scheduled and deleted, and figures."""

from chalicelib import clock
from chalicelib.apis import studio
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.models import models
from tests.support.social import CREDENTIALS, IMAGE_URL, Platforms, platforms
from tests.support.world import World, answer

POSTS, ONE = "/api/social/posts", "/api/social/posts/{post_id}"


def run(watch: Watch, world: World) -> None:
    """The part of social platforms in the day."""
    client, fakes = Client(watch, studio.api), platforms(world)
    for name, credentials in CREDENTIALS.items():
        client("POST", "/api/social/connect", {"platform": name, "credentials": credentials})
    client("GET", "/api/social/platforms")
    publish(client, fakes)
    fail_and_recover(client, fakes)
    with models(world):
        client("POST", "/api/social/generate", {"content": "x", "platforms": ["twitter"]})
    client("GET", "/api/social/trending")
    client("DELETE", "/api/social/platforms/{platform}", platform="twitter")


def create(client: Client, *names: str, **changes: object) -> str:
    """The id of a new post."""
    return str(client("POST", POSTS, {"platforms": names, "content": "x", **changes})["id"])


def publish(client: Client, fakes: Platforms) -> None:
    """A post everywhere, and one on further platforms; both are counted, listed, and deleted where that is possible."""
    create(client, *CREDENTIALS, images=[IMAGE_URL])
    post = create(client, "twitter", content="y")
    fakes.world.settle()
    client("POST", "/api/social/cross-post", {"post_id": post, "platforms": ["twitter", "mastodon"]})
    fakes.world.settle()
    client("GET", f"{ONE}/analytics", post_id=post)
    client("GET", POSTS)
    client("DELETE", ONE, post_id=post)


def fail_and_recover(client: Client, fakes: Platforms) -> None:
    """X is busy, refuses, and is back; a scheduled post waits for its wakeup."""
    fakes.twitter.reply = answer(429, retry_after="30")
    for text in ("a", "b"):
        create(client, "twitter", content=text)
        fakes.world.settle()
    fakes.twitter.reply = answer(503)
    fakes.world.advance(120)
    fakes.twitter.reply = None
    at = clock.utc(clock.now() + 90 * clock.SECOND).isoformat()
    create(client, "mastodon", scheduled_at=at)
    fakes.world.advance(240)

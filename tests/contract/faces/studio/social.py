"""Social publishing: every platform is connected, with fake platforms. The models are those of the chat."""

from tests.contract.documented import Resource, without
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.social import CREDENTIALS, IMAGE_URL, TOKEN, platforms
from tests.support.world import World

INSTANT = "2024-12-09T15:00:00Z"
LIST, POST = "GET /api/social/posts", "POST /api/social/posts"
DELETE, ANALYTICS = "DELETE /api/social/posts/{post_id}", "GET /api/social/posts/{post_id}/analytics"
PLATFORMS, CONNECT = "GET /api/social/platforms", "POST /api/social/connect"
DISCONNECT = "DELETE /api/social/platforms/{platform}"
GENERATE, TRENDING = "POST /api/social/generate", "GET /api/social/trending"
CROSS_POST = "POST /api/social/cross-post"
SCHEDULED_AT = "2026-03-01T12:00:00Z"
BODY = {"platforms": ["twitter"], "content": "Post content", "images": [IMAGE_URL]}
TEXT = {"content": "Blog post content", "platforms": ["twitter"]}
ROW = {
    "id": "social-post-id.twitter",
    "platform": "twitter",
    "content": "Post content",
    "scheduled_at": INSTANT,
    "status": "scheduled",
    "published_at": None,
    "url": None,
    "error": None,
}
CREATED = {
    "id": "social-post-id",
    "platforms": ["twitter"],
    "content": "Post content",
    "images": [],
    "scheduled_at": None,
    "hashtags": ["#ai"],
    "created_at": INSTANT,
    "posts": [ROW],
}
STATE = {"name": "twitter", "connected": True, "account": "@username", "followers": 10_000, "error": None}
NAMES = ([], ["myspace"], "twitter", [7], None)


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A connected account with each platform, a scheduled post on X, and a published one on LinkedIn."""
    platforms(world)
    for name, credentials in CREDENTIALS.items():
        page = {"organization_id": "5515715"} if name == "linkedin" else {}
        client.post("/api/social/connect", {"platform": name, "credentials": credentials | page}, token=caller)
    bodies = (BODY | {"scheduled_at": SCHEDULED_AT}, BODY | {"platforms": ["linkedin"], "images": []})
    scheduled, published = (client.post("/api/social/posts", body, token=caller).json["id"] for body in bodies)
    world.settle()
    return {
        "social post": Resource("Post", scheduled),
        "published post": Resource("Post", published),
        "social account": Resource("Social-account", "bluesky"),
    }


group = Group(
    build=build,
    on={
        DELETE: {"post_id": "social post"},
        ANALYTICS: {"post_id": "published post"},
        DISCONNECT: {"platform": "social account"},
    },
    stands_for={"social-post-id": "social post"},
    formats={"social-post-id": r"post_\w+", r"social-post-id\.twitter": r"post_\w+\.[a-z]+"},
    instants=frozenset({"created_at", "published_at"}),
    verbatim=frozenset({"credentials"}),
    answers={
        PLATFORMS: {"platforms": [STATE]},
        CONNECT: STATE,
        LIST: {"posts": [ROW], "next_cursor": None},
        POST: CREATED,
        CROSS_POST: {"post_id": "social-post-id", "posts": [ROW]},
        TRENDING: {"trending": [{"topic": "AI", "mentions": 94_000, "trend_velocity": None}]},
    },
    statuses={POST: 201, DELETE: 204, DISCONNECT: 204},
    strangers={POST: 503, TRENDING: 503, CROSS_POST: 404},
    common=(PLATFORMS,),
    decided={ANALYTICS: {"post_id": "social-post-id"}},
    missing=(
        (CONNECT, "platform", {"credentials": CREDENTIALS["twitter"]}),
        (CONNECT, "credentials", {"platform": "twitter"}),
        *((POST, name, without(BODY, name)) for name in ("platforms", "content")),
        *((GENERATE, name, without(TEXT, name)) for name in ("platforms", "content")),
        (CROSS_POST, "post_id", {"platforms": ["twitter"]}),
        (CROSS_POST, "platforms", {"post_id": "x"}),
    ),
    bases={
        CONNECT: {"platform": "twitter", "credentials": {"access_token": TOKEN}},
        POST: BODY,
        GENERATE: TEXT,
        CROSS_POST: {"post_id": "social-post-id", "platforms": ["twitter"]},
    },
    wrong=(
        (CONNECT, "platform", ("myspace", "", 7, None)),
        (CONNECT, "credentials", ({}, {"access_token": ""}, {"access_token": 7}, {"api_key": "k"}, "x", [], None)),
        (POST, "platforms", NAMES),
        (POST, "content", ("", "  ", "x" * 281, 7, None)),
        (POST, "scheduled_at", ("soon", "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", 7)),
        (POST, "hashtags", (["ai"], ["#"], ["#1"], ["#two words"], "#ai", [7], None)),
        (POST, "images", ([7], [IMAGE_URL] * 5, "x", None)),
        (GENERATE, "platforms", NAMES),
        (GENERATE, "content", ("", " ", "x" * 20_001, 7, None)),
        (GENERATE, "style", ("rude", "", 7, None)),
        (CROSS_POST, "platforms", NAMES),
        (CROSS_POST, "post_id", ("", "x" * 129, 7, None)),
    ),
    wrong_queries=(
        (LIST, "platform", ("myspace", "")),
        (LIST, "limit", ("0", "-1", "101", "ten", "")),
        (LIST, "cursor", ("x", "x" * 513)),
        (TRENDING, "platform", ("myspace", "linkedin", "")),
    ),
)

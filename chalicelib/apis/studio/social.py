"""Social publishing (glad-labs.md, "Social Publishing"): accounts with platforms, and posts on them."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.apis.studio import access
from chalicelib.domain.deliveries.receivers import Platform
from chalicelib.domain.social.post import Image, PlatformPost, Status
from chalicelib.domain.social.prompts import Style
from chalicelib.domain.social.texts import HASHTAG, MAX_IMAGES
from chalicelib.edge import SECRET, Caller, Header, Instant, InstantMs, Routes, Schema
from chalicelib.engine.social import accounts, figures, posts, writing
from chalicelib.engine.social.accounts import PlatformState
from chalicelib.engine.social.figures import Analytics, Trend, Velocity
from chalicelib.engine.social.posts import Created, NewPost
from chalicelib.engine.tasks import idempotency

routes = Routes("/api/social", tag="Social publishing")


def _check_hashtag(text: str) -> str:
    if not HASHTAG.fullmatch(text):
        raise ValueError("must be # and letters, digits or underscores, with at least one letter")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _each_once(platforms: list[Platform]) -> list[Platform]:
    return list(dict.fromkeys(platforms))


Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
PostId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Platforms = Annotated[list[Platform], Field(min_length=1, max_length=10), AfterValidator(_each_once)]
Hashtag = Annotated[str, StringConstraints(min_length=2, max_length=100), AfterValidator(_check_hashtag)]
Url = Annotated[str, StringConstraints(min_length=8, max_length=2_000)]
Credential = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=r"^[ -~]+$"), SECRET]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
Size = Annotated[int, Field(ge=1, le=100, description="The most posts in the answer.")]
Cursor = Annotated[str, Field(max_length=512, description="The next_cursor of this very list.")]


class PlatformOut(Schema):
    """A platform, and the org's account with it."""

    name: Platform
    connected: bool
    account: str | None
    followers: int | None = Field(description="Null where the platform does not say.")
    error: str | None = Field(description="Why the platform does not answer for the account.")

    @classmethod
    def from_state(cls, state: PlatformState) -> Self:
        return cls(
            name=state.platform,
            connected=state.is_connected,
            account=state.name,
            followers=state.followers,
            error=state.error,
        )


class PlatformList(Schema):
    """Every platform, connected or not."""

    platforms: list[PlatformOut]


class ConnectIn(Schema):
    """An account to connect. docs/reference/studio-api.md says which credentials each platform needs."""

    platform: Platform
    credentials: Annotated[dict[str, Credential], SECRET] = Field(max_length=10, examples=[{"access_token": "..."}])


class ImageIn(Schema):
    """An image at a public https address: JPEG, PNG, GIF or WebP of at most 5 MB. Instagram takes JPEG only."""

    url: Url
    alt_text: Annotated[str, StringConstraints(max_length=1_000)] = ""


class PostIn(Schema):
    """A post, for one or more platforms."""

    platforms: Platforms
    content: Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(_not_blank)]
    images: list[Url | ImageIn] = Field(default_factory=list, max_length=MAX_IMAGES)
    scheduled_at: InstantMs | None = Field(default=None, description="When to publish it; null is now.")
    hashtags: list[Hashtag] = Field(default_factory=list, max_length=30, examples=[["#ai"]])

    def to_draft(self) -> NewPost:
        images = (Image(one) if isinstance(one, str) else Image(one.url, one.alt_text) for one in self.images)
        return NewPost(
            tuple(self.platforms), self.content, tuple(images), tuple(dict.fromkeys(self.hashtags)), self.scheduled_at
        )


class SocialPostOut(Schema):
    """A post on one platform."""

    id: str
    platform: Platform
    content: str = Field(description="With its hashtags, as it is published.")
    scheduled_at: Instant = Field(description="When it is, or was, to be published.")
    status: Status
    published_at: Instant | None
    url: str | None = Field(description="Its address on the platform, where the platform says it.")
    error: str | None = Field(description="Why it failed, or why it is still waiting.")

    @classmethod
    def from_post(cls, shown: PlatformPost) -> Self:
        receipts = shown.delivery.receipts
        return cls.model_validate(
            {
                "id": shown.id,
                "platform": shown.delivery.receiver,
                "content": shown.post.text,
                "scheduled_at": shown.post.due_at,
                "status": shown.status,
                "published_at": shown.published_at,
                "url": receipts[1] if len(receipts) > 1 else None,
                "error": shown.delivery.reason,
            }
        )


class SocialPostList(Schema):
    """One page of posts, newest first."""

    posts: list[SocialPostOut]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class CreatedOut(Schema):
    """A created post. Its `id` stands for it on all platforms, the ids in `posts` for it on one of them."""

    id: str
    platforms: list[Platform]
    content: str
    images: list[ImageIn]
    scheduled_at: Instant | None
    hashtags: list[str]
    created_at: Instant
    posts: list[SocialPostOut]

    @classmethod
    def from_created(cls, created: Created) -> Self:
        post = created.post
        return cls(
            id=post.id,
            platforms=list(post.platforms),
            content=post.content,
            images=[ImageIn(url=image.url, alt_text=image.alt_text) for image in post.images],
            scheduled_at=post.scheduled_at,
            hashtags=list(post.hashtags),
            created_at=post.created_at,
            posts=[SocialPostOut.from_post(shown) for shown in created.on_platforms],
        )


class AnalyticsOut(Schema):
    """What the platforms count of a post, together. A figure that one of them does not count is null."""

    post_id: str
    impressions: int | None
    engagements: int | None = Field(description="Likes, shares and comments.")
    likes: int | None
    shares: int | None
    comments: int | None
    engagement_rate: float | None = Field(description="Engagements for each impression.")


class GenerateIn(Schema):
    """A text from which posts are written."""

    content: Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(_not_blank)]
    platforms: Platforms
    style: Style = "professional"


class TrendOut(Schema):
    """A topic of many posts."""

    topic: str
    mentions: int | None
    trend_velocity: Velocity | None = Field(description="Against the day before; null where the platform does not say.")

    @classmethod
    def from_trend(cls, trend: Trend) -> Self:
        return cls(topic=trend.topic, mentions=trend.mentions, trend_velocity=figures.velocity(trend))


class TrendList(Schema):
    """What is trending, as the platform orders it."""

    trending: list[TrendOut]


class CrossPostIn(Schema):
    """A post, and the platforms on which it is to be published, too."""

    post_id: PostId
    platforms: Platforms


class CrossPostOut(Schema):
    """The post on each of these platforms."""

    post_id: str
    posts: list[SocialPostOut]


@routes.get("/platforms", errors=[429])
def list_platforms(caller: Caller) -> PlatformList:
    """List the platforms, with the figures of those that are connected."""
    return PlatformList(platforms=[PlatformOut.from_state(state) for state in accounts.list_states(caller.org)])


@routes.post("/connect", errors=[503])
def connect_platform(caller: Caller, body: ConnectIn) -> PlatformOut:
    """Connect an account, in the place of the earlier one. The platform is asked whether its credentials are valid."""
    return PlatformOut.from_state(accounts.connect(caller.org, body.platform, body.credentials, caller.subject))


@routes.delete("/platforms/{platform}", status=204)
def disconnect_platform(caller: Caller, platform: Name) -> None:
    """Delete an account and its credentials. An extension of the document."""
    accounts.disconnect(caller.org, platform)


@routes.get("/posts")
def list_social_posts(
    caller: Caller, platform: Platform | None = None, limit: Size = 20, cursor: Cursor | None = None
) -> SocialPostList:
    """List posts, newest first: one row for each platform."""
    page = posts.list_page(caller.org, platform, limit, cursor)
    return SocialPostList(posts=[SocialPostOut.from_post(shown) for shown in page.posts], next_cursor=page.cursor)


@routes.post("/posts", status=201, errors=[409, 503])
def create_post(caller: Caller, body: PostIn, idempotency_key: IdempotencyKey = None) -> CreatedOut:
    """Publish a post now, or schedule it. The same Idempotency-Key with the same body gives the same post."""
    key = None if idempotency_key is None else idempotency.scoped_key(access.NAME, caller.subject, idempotency_key)
    return CreatedOut.from_created(posts.create(caller.org, body.to_draft(), caller.subject, key))


@routes.delete("/posts/{post_id}", status=204, errors=[409, 503])
def delete_post(caller: Caller, post_id: PostId) -> None:
    """Delete a post, also on its platforms. One that waits is not published."""
    posts.delete(caller.org, post_id)


@routes.get("/posts/{post_id}/analytics", errors=[409, 503])
def get_analytics(caller: Caller, post_id: PostId) -> AnalyticsOut:
    """Ask the platforms what they count of a published post."""
    read = Analytics(figures.read_figures(caller.org, post_id))
    return AnalyticsOut(
        post_id=post_id,
        engagements=read.engagements,
        engagement_rate=read.engagement_rate,
        **read.figures._asdict(),
    )


@routes.post("/generate", errors=[503])
def generate_posts(caller: Caller, body: GenerateIn) -> dict[Platform, str]:
    """Have the org's language model write a post for each platform. Nothing is published."""
    return writing.write_posts(caller.org, body.content, body.platforms, body.style)


@routes.get("/trending", errors=[503])
def list_trending(caller: Caller, platform: Platform | None = None) -> TrendList:
    """Ask a platform what is trending: X and Mastodon say it."""
    return TrendList(trending=[TrendOut.from_trend(trend) for trend in figures.list_trends(caller.org, platform)])


@routes.post("/cross-post", errors=[404, 503])
def cross_post(caller: Caller, body: CrossPostIn) -> CrossPostOut:
    """Publish a post on further platforms. Where it is already, nothing is published again."""
    created = posts.cross_post(caller.org, body.post_id, body.platforms)
    return CrossPostOut(post_id=body.post_id, posts=[SocialPostOut.from_post(shown) for shown in created.on_platforms])

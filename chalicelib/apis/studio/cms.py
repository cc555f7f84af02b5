"""The public posts (glad-labs.md, "CMS Routes"), and their feed. Anybody may read them."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.apis.studio import access
from chalicelib.config import settings
from chalicelib.domain.contents.content import CATEGORY, TAG, Label, Post
from chalicelib.domain.contents.feed import Feed
from chalicelib.edge import Instant, Raw, Request, Routes, Schema
from chalicelib.engine.contents import posts

routes = Routes("/api", tag="CMS", public=True)

FEED_POSTS = 20
Slug = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Size = Annotated[int, Field(ge=1, le=50, description="The most posts in the answer.")]
Skip = Annotated[int, Field(ge=0, le=10**9, description="How many posts before the page are left out.")]
LabelSize = Annotated[int, Field(ge=1, le=1_000, description="The most names in the answer.")]
Cursor = Annotated[str, Field(max_length=512, description="The next_cursor of this very list.")]


class PostOut(Schema):
    """A post. Its content is HTML that is safe to show."""

    id: str
    title: str
    slug: str
    content: str
    published_at: Instant
    updated_at: Instant
    excerpt: str | None
    featured_image_url: str | None
    seo_title: str | None
    seo_description: str | None
    category: str | None
    tags: list[str]

    @classmethod
    def from_post(cls, post: Post) -> Self:
        content = post.content
        fields = {name: getattr(content, name) for name in cls.model_fields if name != "content"}
        category = content.category.name if content.category is not None else None
        tags = [tag.name for tag in content.tags]
        return cls(**fields | {"content": post.html, "category": category, "tags": tags})


class PostList(Schema):
    """One page of posts, newest first. A page of more than 1,000,000 characters, of which one beyond ASCII counts as
    six, ends early."""

    posts: list[PostOut]
    total: int = Field(description="The number of posts on all pages.")
    next_skip: int | None = Field(description="The skip of the next page; null on the last page.")


class LabelOut(Schema):
    """A category or a tag. A list of posts can be filtered by its id or its name."""

    id: str
    name: str

    @classmethod
    def from_labels(cls, labels: list[Label]) -> list[Self]:
        return [cls(id=label.id, name=label.name) for label in labels]


class CategoryList(Schema):
    """The categories of posts, in order of id."""

    categories: list[LabelOut]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class TagList(Schema):
    """The tags of posts, in order of id."""

    tags: list[LabelOut]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


class CmsStatusOut(Schema):
    """Whether posts can be read. It is `offline` where no org's posts are public, `degraded` where the database does
    not answer."""

    status: Literal["healthy", "degraded", "offline"]
    posts_count: int | None = Field(description="Null where it cannot be read.")
    last_sync: Instant | None = Field(description="When a post was last published, changed or deleted.")


class Rss(Raw):
    """A feed."""

    media_type = "application/rss+xml; charset=utf-8"


@routes.get("/posts", errors=[503])
def list_posts(limit: Size = 10, skip: Skip = 0, category: Name | None = None, tag: Name | None = None) -> PostList:
    """List posts, newest first; those of a category or of a tag, if one is named."""
    page = posts.find_page(limit, skip, category=category, tag=tag)
    return PostList(posts=[PostOut.from_post(post) for post in page.posts], total=page.total, next_skip=page.next_skip)


@routes.get("/posts/{slug}", errors=[503])
def get_post(slug: Slug) -> PostOut:
    """Get the post with this slug."""
    return PostOut.from_post(posts.get(slug))


@routes.get("/rss", errors=[503])
def read_feed(request: Request) -> Rss:
    """Get the 20 newest posts as an RSS feed. An extension of the document."""
    root = settings().api_urls.get(access.NAME) or f"https://{request.headers.get('host', '')}"
    return Rss(Feed("Posts", root.rstrip("/")).to_rss(posts.find_page(FEED_POSTS).posts))


@routes.get("/categories", errors=[503])
def list_categories(limit: LabelSize = 100, cursor: Cursor | None = None) -> CategoryList:
    """List the categories that posts have."""
    found = posts.find_labels(CATEGORY, limit, cursor)
    return CategoryList(categories=LabelOut.from_labels(found.labels), next_cursor=found.cursor)


@routes.get("/tags", errors=[503])
def list_tags(limit: LabelSize = 100, cursor: Cursor | None = None) -> TagList:
    """List the tags that posts have."""
    found = posts.find_labels(TAG, limit, cursor)
    return TagList(tags=LabelOut.from_labels(found.labels), next_cursor=found.cursor)


@routes.get("/cms/status")
def get_cms_status() -> CmsStatusOut:
    """Whether posts can be read, and how many there are."""
    status = posts.read_status()
    return CmsStatusOut(status=status.status, posts_count=status.posts_count, last_sync=status.changed_at)

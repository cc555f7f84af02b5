"""The public posts, which are those of the callers' org here."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import ORG, World

INSTANT = "2024-12-09T15:00:00Z"
LIST, GET, CATEGORIES, TAGS, STATUS, RSS = (
    f"GET /api/{path}" for path in ("posts", "posts/{slug}", "categories", "tags", "cms/status", "rss")
)
POST = {
    "id": "content-uuid",
    "title": "Post title",
    "slug": "post-slug",
    "content": "Post content",
    "published_at": INSTANT,
    "updated_at": INSTANT,
    "excerpt": None,
    "featured_image_url": "https://example.com/image.png",
    "seo_title": "SEO Title",
    "seo_description": "SEO description",
    "category": "Technology",
    "tags": ["AI"],
}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """The post is that of the published content."""
    return {}


group = Group(
    build=build,
    settings={"cms_org": ORG},
    on={GET: {"slug": "post"}},
    formats={"post-slug": r"[a-z0-9-]+"},
    answers={
        LIST: {"posts": [POST], "total": 1, "next_skip": None},
        GET: POST,
        CATEGORIES: {"categories": [{"id": "technology", "name": "Technology"}], "next_cursor": None},
        TAGS: {"tags": [{"id": "ai", "name": "AI"}], "next_cursor": None},
        STATUS: {"status": "healthy", "posts_count": 1, "last_sync": INSTANT},
    },
    public=(LIST, GET, CATEGORIES, TAGS, STATUS, RSS),
    raw=(RSS,),
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "51", "ten", "1.5", "")),
        (LIST, "skip", ("-1", "1000000001", "one", "")),
        (LIST, "category", ("", "x" * 65)),
        (LIST, "tag", ("", "x" * 65)),
        *((where, "limit", ("0", "-1", "1001", "ten", "")) for where in (CATEGORIES, TAGS)),
        *((where, "cursor", ("x", "x" * 513)) for where in (CATEGORIES, TAGS)),
    ),
)

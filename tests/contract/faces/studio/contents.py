"""Contents."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.world import World

INSTANT = "2024-12-09T15:00:00Z"
LIST, POST = "GET /api/content", "POST /api/content"
GET, UPDATE, DELETE = (f"{method} /api/content/{{item_id}}" for method in ("GET", "POST", "DELETE"))
APPROVE = "POST /api/content/approve"
CONTENT = {
    "title": "Article Title",
    "content": "Article content...",
    "featured_image_url": "https://example.com/image.png",
    "seo_title": "SEO Title",
    "seo_description": "SEO description",
}
ROW = {
    "id": "content-uuid",
    "title": "Article Title",
    "slug": None,
    "status": "draft",
    "excerpt": None,
    "featured_image_url": "https://example.com/image.png",
    "seo_title": "SEO Title",
    "seo_description": "SEO description",
    "category": None,
    "tags": [],
    "feedback": None,
    "decided_by": None,
    "decided_at": None,
    "published_at": None,
    "created_by": "dev",
    "created_at": INSTANT,
    "updated_at": INSTANT,
}
OUT = ROW | {"content": "Article content..."}
DECIDED = {"feedback": "Looks great!", "decided_by": "dev", "decided_at": INSTANT}
PUBLISHED = DECIDED | {
    "status": "published",
    "slug": "article-title",
    "category": "Technology",
    "tags": ["AI"],
    "published_at": INSTANT,
}
LONG = "x" * 257
OPTIONAL = (
    ("featured_image_url", ("x", "", "javascript:alert(1)", "https://a b", "https://e.com/" + "x" * 2_048, 7)),
    ("seo_title", (LONG, 7, [])),
    ("seo_description", ("x" * 1_001, 7, [])),
    ("excerpt", ("x" * 1_001, 7, [])),
    ("category", ("", "!", "x" * 65, 7, [])),
    ("tags", ("x", 7, None, [""], ["!"], ["x" * 65], [7], ["x"] * 11)),
    ("status", ("approved", "published", "rejected", "", 7, None)),
)
REQUIRED = (("title", ("", " ", LONG, 7, None)), ("content", ("", "x" * 65_537, 7, None)))


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A draft, and a published content with its post."""
    fields = CONTENT | {"category": "Technology", "tags": ["AI"]}
    draft, published = (str(client.post("/api/content", one, token=caller).json["id"]) for one in (CONTENT, fields))
    decision = {"content_id": published, "approved": True, "feedback": "Looks great!"}
    client.post("/api/content/approve", decision, token=caller)
    world.settle()
    slug = str(client.get(f"/api/content/{published}", token=caller).json["slug"])
    contents = {"draft": Resource("Content", draft), "published content": Resource("Content", published)}
    return contents | {"post": Resource("Post", slug)}


group = Group(
    build=build,
    on={one: {"item_id": "draft"} for one in (UPDATE, DELETE)} | {GET: {"item_id": "published content"}},
    stands_for={"content-uuid": "draft"},
    formats={"content-uuid": r"content_\w+"},
    instants=frozenset({"created_at", "updated_at", "decided_at", "published_at"}),
    answers={
        POST: OUT,
        GET: OUT | PUBLISHED,
        LIST: {"items": [ROW], "total": 1, "offset": 0, "limit": 20},
        UPDATE: OUT | {"title": "Better Title", "tags": ["AI"]},
        APPROVE: OUT | DECIDED | {"status": "approved"},
    },
    statuses={POST: 201, DELETE: 204},
    strangers={APPROVE: 404},
    located=(POST,),
    missing=(
        (POST, "title", {"content": "x"}),
        (POST, "content", {"title": "x"}),
        (APPROVE, "content_id", {"approved": True}),
        (APPROVE, "approved", {"content_id": "x"}),
    ),
    bases={POST: CONTENT, UPDATE: {}, APPROVE: {"content_id": "x", "approved": True}},
    wrong=(
        *((where, name, values) for where in (POST, UPDATE) for name, values in (*REQUIRED, *OPTIONAL)),
        (APPROVE, "content_id", ("", "x" * 129, 7, None)),
        (APPROVE, "approved", ("yes", 1, None)),
        (APPROVE, "feedback", ("x" * 1_001, 7, [])),
    ),
    wrong_queries=(
        (LIST, "limit", ("0", "-1", "101", "ten", "1.5", "")),
        (LIST, "offset", ("-1", "1000000001", "one", "")),
        (LIST, "status", ("done", "DRAFT", "")),
    ),
)

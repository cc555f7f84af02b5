"""Contents (glad-labs.md, "Content Management"): written, decided on, and published once they are approved."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.domain.contents.content import MAX_TEXT_CHARS, Content, Details, Status
from chalicelib.edge import Caller, Created, Instant, Routes, Schema
from chalicelib.engine.contents import contents
from chalicelib.engine.contents.contents import MAX_TAGS, Draft

routes = Routes("/api/content", tag="Content management")

ContentId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
ContentStatus = Literal["draft", "in_review", "approved", "rejected", "published"]
Title = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"\S")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT_CHARS)]
Line = Annotated[str, StringConstraints(max_length=256)]
Paragraph = Annotated[str, StringConstraints(max_length=1_000)]
ImageUrl = Annotated[str, StringConstraints(max_length=2_048, pattern=r"^https?://[^\s<>\"']+$")]
Name = Annotated[str, StringConstraints(max_length=64, pattern=r"[^\W_]")]
Size = Annotated[int, Field(ge=1, le=100, description="The most contents in the answer.")]
Offset = Annotated[int, Field(ge=0, le=10**9, description="How many contents before the page are left out.")]


class _Fields(Schema):
    """What may be said of a content beside its title and text."""

    featured_image_url: ImageUrl | None = Field(default=None, examples=["https://example.com/image.png"])
    seo_title: Line | None = Field(default=None, examples=["SEO Title"])
    seo_description: Paragraph | None = Field(default=None, examples=["SEO description"])
    excerpt: Paragraph | None = None
    category: Name | None = Field(default=None, examples=["Technology"])
    tags: Annotated[list[Name], Field(max_length=MAX_TAGS)] = Field(default=[], examples=[["AI"]])
    status: Literal["draft", "in_review"] = Field(
        default="draft", description="`in_review` says that it is ready to be decided on."
    )

    def to_fields(self) -> dict[str, Any]:
        """The fields that were sent, by their names in the engine."""
        names = {"content": "text"}
        kinds: dict[str, Any] = {"status": Status, "tags": tuple}
        sent = self.model_dump(exclude_unset=True)
        return {names.get(name, name): kinds.get(name, lambda it: it)(value) for name, value in sent.items()}


class ContentIn(_Fields):
    """A content to create."""

    title: Title = Field(examples=["Article Title"])
    content: Text = Field(description="Markdown, in which HTML may stand.", examples=["Article content..."])


class ContentChanges(_Fields):
    """What to change of a content. What is left out stays; null clears."""

    title: Title = Field(default_factory=str)
    content: Text = Field(default_factory=str)


class ContentDecisionIn(Schema):
    """A decision on a content."""

    content_id: ContentId = Field(examples=["uuid"])
    approved: bool = Field(strict=True, description="False rejects it.")
    feedback: Paragraph | None = Field(default=None, examples=["Looks great!"])


class ContentRow(Schema):
    """A content in a list, without its text. `slug` is that of its post, so null until it is published."""

    id: str
    title: str
    slug: str | None
    status: ContentStatus
    excerpt: str | None
    featured_image_url: str | None
    seo_title: str | None
    seo_description: str | None
    category: str | None
    tags: list[str]
    feedback: str | None
    decided_by: str | None
    decided_at: Instant | None
    published_at: Instant | None
    created_by: str
    created_at: Instant
    updated_at: Instant

    @classmethod
    def from_content(cls, content: Content, /, **more: Any) -> Self:
        fields = {name: getattr(content, name) for name in ContentRow.model_fields}
        category = content.category.name if content.category is not None else None
        slug = content.slug if content.is_published else None
        return cls(**fields | {"category": category, "tags": [tag.name for tag in content.tags], "slug": slug} | more)


class ContentOut(ContentRow):
    """A content with its text."""

    content: str

    @classmethod
    def from_details(cls, details: Details) -> Self:
        return cls.from_content(details.content, content=details.text)


class ContentList(Schema):
    """One page of contents, newest first."""

    items: list[ContentRow]
    total: int = Field(description="The number of contents on all pages.")
    offset: int
    limit: int


@routes.post(status=201)
def create_content(caller: Caller, body: ContentIn) -> Created[ContentOut]:
    """Create a content."""
    details = contents.create(caller.org, Draft(**body.to_fields()), by=caller.subject)
    return Created(ContentOut.from_details(details), location=f"/api/content/{details.content.id}")


@routes.get()
def list_contents(
    caller: Caller, limit: Size = 100, offset: Offset = 0, status: ContentStatus | None = None
) -> ContentList:
    """List contents, newest first."""
    page = contents.find_page(caller.org, Status(status) if status is not None else None, limit, offset)
    rows = [ContentRow.from_content(content) for content in page.contents]
    return ContentList(items=rows, total=page.total, offset=offset, limit=limit)


@routes.post("/approve", errors=[404, 409])
def decide_on_content(caller: Caller, body: ContentDecisionIn) -> ContentOut:
    """Approve a content, or reject it.

    An approved content is published within seconds. The same decision again changes nothing.
    """
    decide = contents.approve if body.approved else contents.reject
    return ContentOut.from_details(decide(caller.org, body.content_id, caller.subject, body.feedback))


@routes.get("/{item_id}")
def get_content(caller: Caller, item_id: ContentId) -> ContentOut:
    """Get a content with its text."""
    return ContentOut.from_details(contents.get(caller.org, item_id))


@routes.post("/{item_id}", errors=[409])
def update_content(caller: Caller, item_id: ContentId, body: ContentChanges) -> ContentOut:
    """Change a content. A post shows the change at once; its slug stays. A rejected content is a draft again."""
    return ContentOut.from_details(contents.update(caller.org, item_id, body.to_fields()))


@routes.delete("/{item_id}", status=204)
def delete_content(caller: Caller, item_id: ContentId) -> None:
    """Delete a content, and its post."""
    contents.delete(caller.org, item_id)

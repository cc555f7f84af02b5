"""A content as plain values, how it moves from draft to published post, and which lists show it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from chalicelib.errors import Conflict

MAX_TEXT_CHARS = 65_536
"""Characters of a text. At most four bytes each, so that an item of DynamoDB holds it."""
CONTENTS, POSTS = "contents", "posts"
CATEGORY, TAG = "category", "tag"


class Status(StrEnum):
    """The states of a content. An approved one is published without anybody's doing."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    PUBLISHED = "published"


class Label(NamedTuple):
    """A category or a tag. Names that differ only in case, accents or punctuation have one id."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One content without its text. Instants are epoch milliseconds."""

    org: str
    id: str
    number: int  # the contents of an org are numbered as they are created; deleted ones leave gaps
    title: str
    excerpt: str | None = None
    featured_image_url: str | None = None
    seo_title: str | None = None
    seo_description: str | None = None
    category: Label | None = None
    tags: tuple[Label, ...] = ()
    status: Status = Status.DRAFT
    feedback: str | None = None  # of who decided
    decided_by: str | None = None
    decided_at: int | None = None
    slug: str | None = None  # of its post; of an approved content the one that it is to get, if nobody else has it
    post_number: int | None = None  # the posts of an org are numbered as they are published
    post_chars: int = 0  # of the post's HTML in an answer
    published_at: int | None = None
    created_by: str
    version: int = 1  # grows by one with every write
    created_at: int
    updated_at: int

    @property
    def is_published(self) -> bool:
        return self.status is Status.PUBLISHED

    @property
    def has_html(self) -> bool:
        """Whether its text was approved: the HTML of its post is stored."""
        return self.status in (Status.APPROVED, Status.PUBLISHED)


class Details(NamedTuple):
    """A content with its text, which is markdown."""

    content: Content
    text: str


class Post(NamedTuple):
    """A published content as its readers see it."""

    content: Content
    html: str


class Entry(NamedTuple):
    """The place of a content in a list: the one with the highest number comes first."""

    list: str
    number: int
    key: str  # the content's id, or the post's slug
    chars: int = 0  # of what the list shows of it, where that may be large
    label: str | None = None  # the name of the category or tag that the list is of


def contents_list(status: Status | None = None) -> str:
    """The name of the list of an org's contents; with a status, of those in it."""
    return CONTENTS if status is None else f"{CONTENTS}#status={status}"


def posts_list(kind: str | None = None, label_id: str = "") -> str:
    """The name of the list of an org's posts; with a kind of label, of those that have this label."""
    return POSTS if kind is None else f"{POSTS}#{kind}={label_id}"


def entries(content: Content) -> Iterator[Entry]:
    """The places of the content in the lists that show it."""
    for name in (contents_list(), contents_list(content.status)):
        yield Entry(name, content.number, content.id)
    if content.is_published:
        assert content.post_number is not None and content.slug is not None
        place = Entry(posts_list(), content.post_number, content.slug, content.post_chars)
        yield place
        for kind, labels in ((CATEGORY, [content.category]), (TAG, content.tags)):
            for label in filter(None, labels):
                yield place._replace(list=posts_list(kind, label.id), label=label.name)


def approved(content: Content, slug: str, by: str, feedback: str | None, now: int) -> Content:
    """The content that is published next, under this slug if it can be. The same decision again changes nothing."""
    if content.has_html:
        return content
    return replace(_decided(content, Status.APPROVED, by, feedback, now), slug=slug)


def rejected(content: Content, by: str, feedback: str | None, now: int) -> Content:
    """The content that is not to be published. The same decision again changes nothing.

    Raises Conflict for one that is approved or published.
    """
    if content.status is Status.REJECTED:
        return content
    if content.has_html:
        raise Conflict(f"Content {content.id} is {content.status}: delete it to take it back")
    return _decided(content, Status.REJECTED, by, feedback, now)


def _decided(content: Content, status: Status, by: str, feedback: str | None, now: int) -> Content:
    return replace(
        content,
        status=status,
        feedback=feedback,
        decided_by=by,
        decided_at=now,
        version=content.version + 1,
        updated_at=max(now, content.updated_at),
    )


def require_approved(content: Content) -> None:
    """Raise Conflict unless the content waits to be published."""
    if content.status is not Status.APPROVED:
        raise Conflict(f"Content {content.id} is {content.status}: only an approved content can be published")


def published(content: Content, slug: str, number: int, now: int) -> Content:
    """The approved content as the post with this slug and number."""
    return replace(
        content,
        status=Status.PUBLISHED,
        slug=slug,
        post_number=number,
        published_at=now,
        version=content.version + 1,
        updated_at=max(now, content.updated_at),
    )


def require_editable(content: Content, status: Status) -> None:
    """Raise Conflict unless the content may be edited and moved to this status, which the caller names.

    What was approved is published as it was approved. A post keeps its status.
    """
    if content.status is Status.APPROVED:
        raise Conflict(f"Content {content.id} is approved and about to be published: edit the post afterwards")
    if content.is_published and status is not Status.PUBLISHED:
        raise Conflict(f"Content {content.id} is published: it cannot become {status} again")


def slug_candidates(content: Content) -> tuple[str, ...]:
    """Slugs for an approved content, the best one first: others may have the first ones."""
    slug = str(content.slug)
    return slug, f"{slug}-{content.number}", f"{slug}-{content.number}-{content.created_at}"

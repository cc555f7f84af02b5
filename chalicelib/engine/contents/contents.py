"""Create, get, list, edit, approve, reject and delete contents.

A decision to approve is written together with the job that publishes: nothing that was approved is forgotten.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.contents import content as rules
from chalicelib.domain.contents.content import Content, Details, Label, Status
from chalicelib.engine.contents import entry_pages
from chalicelib.engine.documents import background_jobs, optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.tasks import payloads
from chalicelib.errors import InvalidRequest, NotFound
from chalicelib.providers.text import markdown, slugs
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.contents import contents as storage
from chalicelib.storage.contents import lists

PUBLISH_JOB = "publish-content"
MAX_TAGS = 10
Decision = Callable[[Details], Details]


class Draft(NamedTuple):
    """What its author says of a content. `text` is markdown, in which HTML may stand."""

    title: str
    text: str
    excerpt: str | None = None
    featured_image_url: str | None = None
    seo_title: str | None = None
    seo_description: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    status: Status = Status.DRAFT


class Page(NamedTuple):
    """One page of contents, newest first; `total` is the number of contents on all pages."""

    contents: list[Content]
    total: int


def create(org: str, draft: Draft, *, content_id: str | None = None, by: str) -> Details:
    """Create a content. Two calls.

    With an id there is one content, however often it is created: the existing one is returned, with one more call.
    Raises InvalidRequest for more than MAX_TAGS tags.
    """
    content_id = content_id or ids.ordered("content")

    def attempt() -> Details:
        details = _new_details(org, content_id, lists.issue_number(org, rules.contents_list()), draft, by)
        try:
            dynamodb.commit(*storage.create_writes(details))
        except ConditionFailed:
            return _require_stored(org, content_id)
        return details

    return optimistic.retry(attempt)


def _require_stored(org: str, content_id: str) -> Details:
    """The content whose id was taken. Raises StaleRead when it was deleted meanwhile."""
    stored = storage.find(org, content_id)
    if stored is None:
        raise StaleRead
    return stored


def _new_details(org: str, content_id: str, number: int, draft: Draft, by: str) -> Details:
    now = clock.now()
    content = Content(
        org=org,
        id=content_id,
        number=number,
        created_by=by,
        created_at=now,
        updated_at=now,
        **_written_fields(draft),
    )
    return Details(content, draft.text)


def _written_fields(draft: Draft) -> dict[str, Any]:
    tags = tuple({tag.id: tag for tag in map(_label, draft.tags)}.values())
    if len(tags) > MAX_TAGS:
        raise InvalidRequest(f"tags: at most {MAX_TAGS}", fields={"tags": f"at most {MAX_TAGS}"})
    category = _label(draft.category) if draft.category is not None else None
    return {name: value for name, value in draft._asdict().items() if name != "text"} | {
        "category": category,
        "tags": tags,
    }


def _label(name: str) -> Label:
    return Label(slugs.slug(name), name)


def get(org: str, content_id: str) -> Details:
    """The content with its text as of now. One call. Raises NotFound, also for another tenant's."""
    details = storage.find(org, content_id)
    if details is None:
        raise NotFound("Content", content_id)
    return details


def find_page(org: str, status: Status | None, limit: int, offset: int = 0) -> Page:
    """The contents of an org from `offset` on, newest first, without their texts. Two calls, three far from the list's
    beginning; one more for a page of a hundred."""
    name = rules.contents_list(status)
    places = entry_pages.find_entries(org, name, limit, offset)
    found = storage.find_entries(org, name, places, are_posts=False)
    shown = [found.contents[place.key] for place in places if place.key in found.contents]
    return Page(shown, found.total.entries if found.total is not None else 0)


def update(org: str, content_id: str, changes: Mapping[str, Any]) -> Details:
    """Set these fields of a content, named as those of Draft. Two calls. A post shows them at once, under its slug.

    A rejected content that is edited is a draft again. Raises NotFound, InvalidRequest, and Conflict for a content that
    is about to be published, or for a post that is to become something else.
    """

    def decide(old: Details) -> Details:
        draft = _draft_of(old)._replace(**changes)
        if draft == _draft_of(old):
            return old
        rules.require_editable(old.content, draft.status)
        status = Status.DRAFT if draft.status is Status.REJECTED else draft.status
        edited = replace(old.content, **_written_fields(draft._replace(status=status)))
        now = max(clock.now(), edited.updated_at)
        return Details(replace(edited, version=edited.version + 1, updated_at=now), draft.text)

    return _change(org, content_id, decide)


def _draft_of(details: Details) -> Draft:
    content = details.content
    fields = {name: getattr(content, name) for name in Draft._fields if name not in ("text", "category", "tags")}
    category = content.category.name if content.category is not None else None
    return Draft(**fields, text=details.text, category=category, tags=tuple(tag.name for tag in content.tags))


def approve(org: str, content_id: str, by: str, feedback: str | None = None) -> Details:
    """Approve a content: its HTML is made, and a job publishes it. Two calls. The same decision again changes nothing.
    Raises NotFound."""

    def decide(old: Details) -> Details:
        slug = slugs.slug(old.content.title)
        return old._replace(content=rules.approved(old.content, slug, by, feedback, clock.now()))

    return _change(org, content_id, decide, [background_jobs.create_write(org, PUBLISH_JOB, content_id)])


def reject(org: str, content_id: str, by: str, feedback: str | None = None) -> Details:
    """Reject a content. Two calls. The same decision again changes nothing. Raises NotFound, and Conflict for one that
    is approved or published."""

    def decide(old: Details) -> Details:
        return old._replace(content=rules.rejected(old.content, by, feedback, clock.now()))

    return _change(org, content_id, decide)


def _change(org: str, content_id: str, decide: Decision, also: Iterable[Write] = ()) -> Details:
    """Store what `decide` makes of the content, and its post; the writes of `also` are in the same transaction. A
    decision for what is there writes nothing."""

    def attempt() -> Details:
        old = get(org, content_id)
        new = decide(old)
        if new == old:
            return old
        html = markdown.to_html(new.text) if new.content.has_html else None
        new = new._replace(content=replace(new.content, post_chars=payloads.answer_chars(html) if html else 0))
        optimistic.commit_change(new.content, storage.from_raw, [*storage.update_writes(old, new, html), *also])
        return new

    return optimistic.retry(attempt)


def delete(org: str, content_id: str) -> None:
    """Delete a content, and its post with its slug. Two calls. Raises NotFound."""

    def attempt() -> None:
        details = get(org, content_id)
        try:
            dynamodb.commit(*storage.delete_writes(details.content, clock.now()))
        except ConditionFailed:
            raise StaleRead from None

    optimistic.retry(attempt)

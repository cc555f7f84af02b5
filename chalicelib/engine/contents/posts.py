"""The public posts of the org that the setting CMS_ORG names.

Their HTML was made safe when they were published, and is made so again when they are served: what a later version of
the rules refuses is not served, whenever it was published.
"""

from typing import Literal, NamedTuple

from chalicelib.config import settings
from chalicelib.domain.contents import content as rules
from chalicelib.domain.contents.content import Label, Post
from chalicelib.engine.contents import entry_pages
from chalicelib.engine.security import cursors
from chalicelib.engine.tasks import payloads
from chalicelib.errors import InvalidRequest, NotConfigured, NotFound, Unavailable
from chalicelib.providers.text import sanitizing, slugs
from chalicelib.storage.contents import contents as storage
from chalicelib.storage.contents import lists

MAX_PAGE_CHARS = 1_000_000
"""Characters of the posts on one page: Lambda accepts answers up to 6 MB, and the page is JSON within JSON. One beyond
ASCII counts as six, or as twelve."""


class Page(NamedTuple):
    """One page of posts, newest first; `total` is the number of posts on all pages."""

    posts: list[Post]
    total: int
    next_skip: int | None  # where the next page begins; None on the last one


class Labels(NamedTuple):
    """Some of the labels that posts have, in order of id; `cursor` leads to the next ones, None at the end."""

    labels: list[Label]
    cursor: str | None


class CmsStatus(NamedTuple):
    """Whether posts can be read; how many there are, and when they changed, in epoch milliseconds."""

    status: Literal["healthy", "degraded", "offline"]
    posts_count: int | None = None
    changed_at: int | None = None


def get(slug: str) -> Post:
    """The post with this slug. One call. Raises NotFound, NotConfigured."""
    post = storage.find_post(_org(), slug)
    if post is None:
        raise NotFound("Post", slug)
    return _safe(post)


def find_page(limit: int, skip: int = 0, *, category: str | None = None, tag: str | None = None) -> Page:
    """The posts from `skip` on, newest first; of a category or a tag, whose name or id is given.

    A page that grows too large ends early. Two calls, three far from the list's beginning; one more for a page of a
    hundred. Raises NotConfigured, and InvalidRequest for a category and a tag together.
    """
    org, name = _org(), _list_name(category, tag)
    places = entry_pages.find_entries(org, name, limit, skip)
    fitting = list(payloads.that_fit(places, lambda place: place.chars, MAX_PAGE_CHARS))
    found = storage.find_entries(org, name, fitting, are_posts=True)
    shown = [_safe(found.posts[place.key]) for place in fitting if place.key in found.posts]
    total = found.total.entries if found.total is not None else 0
    reached = skip + len(fitting)
    return Page(shown, total, reached if fitting and reached < total else None)


def _list_name(category: str | None, tag: str | None) -> str:
    if category is not None and tag is not None:
        what = "cannot be combined with category"
        raise InvalidRequest(f"tag: {what}", fields={"tag": what})
    if category is not None:
        return rules.posts_list(rules.CATEGORY, slugs.slug(category))
    return rules.posts_list() if tag is None else rules.posts_list(rules.TAG, slugs.slug(tag))


def find_labels(kind: str, limit: int, cursor: str | None = None) -> Labels:
    """The categories or the tags that posts have. Of `limit` that are read, those that no post has any
    more are left out. One call. Raises NotConfigured, and InvalidRequest for another list's cursor."""
    org, prefix = _org(), rules.posts_list(kind)
    after = cursors.read(cursor, org, prefix) if cursor is not None else ""
    totals = lists.read_totals(org, prefix, after, limit)
    labels = [Label(total.list.removeprefix(prefix), total.label or "") for total in totals if total.entries]
    is_last = len(totals) < limit
    return Labels(labels, None if is_last else cursors.seal(totals[-1].list.removeprefix(prefix), org, prefix))


def read_status() -> CmsStatus:
    """Whether posts can be read. One call."""
    if not settings().cms_org:
        return CmsStatus("offline")
    try:
        total = storage.find_entries(_org(), rules.posts_list(), (), are_posts=True).total
    except Unavailable:
        return CmsStatus("degraded")
    return CmsStatus("healthy", total.entries, total.changed_at) if total is not None else CmsStatus("healthy", 0)


def _org() -> str:
    if not settings().cms_org:
        raise NotConfigured("There is no public content: set CMS_ORG to the org whose posts are public.")
    return settings().cms_org


def _safe(post: Post) -> Post:
    return post._replace(html=sanitizing.sanitize(post.html))

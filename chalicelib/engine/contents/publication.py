"""Publish approved contents: each becomes one post, under a slug that no other content has.

The HTML was made when the content was approved: publishing needs none of the packages that make it.
"""

from contextlib import suppress

from chalicelib import clock
from chalicelib.domain.contents import content as rules
from chalicelib.domain.contents.content import Content, Post
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import Counts
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.contents import contents as storage
from chalicelib.storage.contents import lists
from chalicelib.storage.statistics import counters as counter_storage


def publish(org: str, content_id: str) -> Content:
    """Publish an approved content and return it with its slug. Three calls, one more for each slug that was taken.

    The transaction that publishes claims the slug and counts the publication. A published content is returned as it
    is, with one call. Raises NotFound, and Conflict for a content that is not approved.
    """

    def attempt() -> Content:
        approved = storage.find_with_html(org, content_id)
        if approved is None:
            raise NotFound("Content", content_id)
        return approved.content if approved.content.is_published else _try_publish(approved)

    return optimistic.retry(attempt)


def _try_publish(approved: Post) -> Content:
    old = approved.content
    rules.require_approved(old)
    number = lists.issue_number(old.org, rules.posts_list())
    for slug in rules.slug_candidates(old):
        post = approved._replace(content=rules.published(old, slug, number, clock.now()))
        if _is_claimed(old, post):
            return post.content
    raise StaleRead


def _is_claimed(old: Content, post: Post) -> bool:
    """Write the post, unless another content has its slug. Raises StaleRead when somebody wrote the content."""
    today = counters.contents_row(old.org, counters.day_of(clock.now()))
    counted = counter_storage.addition_write(today, Counts({"published": 1}))
    try:
        dynamodb.commit(*storage.publish_writes(old, post), counted)
    except ConditionFailed as refused:
        if refused.failed[0]:
            raise StaleRead from None
        return False
    return True


def count_published(org: str, days: int) -> int:
    """How many contents were published in so many UTC days, today included. One call for each hundred days."""
    today = counters.day_of(clock.now())
    rows = [counters.contents_row(org, day) for day in range(today - days + 1, today + 1)]
    return counters.total(counter_storage.find_many(rows).values())["published"]


def run_step(job: Job) -> bool:
    """Run the job of an approved content. One that was deleted meanwhile is left."""
    with suppress(NotFound, Conflict):
        publish(job.org, job.subject)
    return True

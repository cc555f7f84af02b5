"""Background jobs: work that must get done although the process that does it can die at any time.

A job is a small document of Yardmaster itself, written in the same transaction as what causes it, and deleted when
its last step is done. Its steps may each run twice. A wakeup runs it, which the relay sends whenever the document is
written; where that message is lost, the sweep runs it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.document import JOB_KIND, SERVICE_ORG, Document
from chalicelib.domain.tasks.retry import Backoff
from chalicelib.engine.documents import documents
from chalicelib.observability import count, logger
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import documents as storage

RUN_SECONDS = 4
"""A job that takes longer goes on in another run: a batch of ten wakeups has to fit into the minute of its function."""
WAKEUP_GRACE_SECONDS = 30
"""For so long after a job is due the sweep leaves it to its wakeup."""
BACKOFF = Backoff(10 * clock.SECOND, 15 * clock.MINUTE)


class Job(NamedTuple):
    """One job. The module of its kind defines what the facts, which are JSON, mean. The field names are stored."""

    org: str
    kind: str
    subject: str  # the id of what it is about
    facts: Mapping[str, Any] = {}


Step = Callable[[Job], bool]
"""Does a part of the job, in a few seconds at most; returns whether nothing is left. It may run again, also twice at
once: it passes over what is done already."""
Steps = Mapping[str, Step]
"""Kind -> step (engine.schedule.job_handlers)."""


def create_write(org: str, kind: str, subject: str, *, wait_seconds: int = 0, **facts: Any) -> Write:
    """The write that starts a job; commit it together with what causes the job.

    The job runs about a second later, or after so many seconds; within two minutes when a message is lost, and again
    after at most 15 minutes, for ever, as long as it fails.
    """
    identifier, due_at = ids.ordered(JOB_KIND), clock.now() + wait_seconds * clock.SECOND
    # "chore" is the stored name of a job.
    body = {"chore": Job(org, kind, subject, facts)._asdict(), "due_at": due_at, "failures": 0}
    return storage.create_write(documents.new(SERVICE_ORG, JOB_KIND, body, id=identifier))


def find_due(now: int) -> Iterator[tuple[str, str]]:
    """(id, org) of the jobs that no wakeup has run in time, oldest first; read page by page.

    All jobs are in one partition, so that a minute without jobs costs one call. It takes a thousand writes a second,
    and a job is three of them.
    """
    overdue = now - WAKEUP_GRACE_SECONDS * clock.SECOND
    for stored in storage.iter_all(SERVICE_ORG, JOB_KIND, newest=False):
        if stored.body["due_at"] <= overdue:
            yield stored.id, _job_of(stored).org


def _job_of(stored: Document) -> Job:
    return Job(**stored.body["chore"])


def run(identifier: str, steps: Steps) -> None:
    """Run a job's next steps. A missing job is already finished; one that is not due is left; one that fails stays."""
    stored = storage.find(SERVICE_ORG, JOB_KIND, identifier)
    if stored is None or stored.body["due_at"] > clock.now():
        return
    try:
        is_done = _run_steps(_job_of(stored), steps)
    except Exception as error:  # noqa: BLE001 - logged, and tried again
        write = storage.update_write(stored, _next_after_failure(stored, error))
    else:
        write = storage.delete_write(stored) if is_done else storage.update_write(stored, _next_due_in(stored, 0))
    with suppress(ConditionFailed):  # another process ran the job, too, and has written what comes next
        dynamodb.commit(write)


def _run_steps(job: Job, steps: Steps) -> bool:
    """Run step after step, for RUN_SECONDS at most; returns whether nothing is left."""
    until = clock.steady() + RUN_SECONDS * clock.SECOND
    while not (is_done := steps[job.kind](job)) and clock.steady() < until:
        pass
    return is_done


def _next_after_failure(stored: Document, error: Exception) -> Document:
    logger().error("A job failed and is tried again", extra={"job": stored.body["chore"]}, exc_info=error)
    count("ChoreFailed")
    failures = stored.body["failures"] + 1
    return _next_due_in(stored, max(clock.SECOND, BACKOFF.delay(failures, ids.fraction())), failures=failures)


def _next_due_in(stored: Document, wait_ms: int, failures: int = 0) -> Document:
    now = clock.now()
    body = {**stored.body, "due_at": now + wait_ms, "failures": failures}
    return replace(stored, body=body, version=stored.version + 1, updated_at=now)

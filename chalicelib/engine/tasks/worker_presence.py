"""Signs of life besides heartbeats: a report, a request or an answer of a worker shows that it is alive.

A sign of life is written only if the stored one is older than a third of the heartbeat timeout, and each process checks
a worker at most every few seconds, so that a busy worker costs almost nothing. A completion writes its sign of life in
its own transaction. For a worker on a WebSocket only its answers to pings count.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.tasks.rotation import seen
from chalicelib.domain.tasks.task import Holder
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import TooManyWriters
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.workers import workers as storage

CHECK_INTERVAL_MS = 5 * clock.SECOND
STALE_SHARE = 3
_recorded_at: TtlCache[tuple[str, str, str], int] = TtlCache(CHECK_INTERVAL_MS)


@contextmanager
def recording_report(org: str, pool: str, holder: Holder | None, *, proven: bool) -> Iterator[None]:
    """Around the handling of a report in the name of `holder`: record an accepted report as a sign of life.

    A refused one is recorded, too, if the worker's own credential has `proven` that the worker itself made it.
    """
    try:
        yield
    except (Conflict, NotFound):
        if holder is not None and proven:
            record(org, pool, holder.worker_id)
        raise
    if holder is not None:
        record(org, pool, holder.worker_id)


def record(org: str, pool: str, worker_id: str, known: Worker | None = None) -> None:
    """Record that a worker gave a sign of life just now.

    No call if this process recorded one within CHECK_INTERVAL_MS. Else one call, or none if `known` is the worker as
    it was just read; one more if the stored sign is old.
    """
    now, recorded_at = clock.now(), _recorded_at.get((org, pool, worker_id))
    if recorded_at is not None and now - recorded_at < min(CHECK_INTERVAL_MS, _stale_ms()):
        return

    def attempt() -> bool:
        nonlocal known
        worker, known = known or storage.find(org, pool, worker_id), None
        if worker is None or worker.removed or worker.socket or worker.is_built_in:
            return False
        if not worker.alive or now - worker.last_heartbeat_at >= _stale_ms():
            new = replace(seen(worker, now), version=worker.version + 1, updated_at=now, changed_by=None)
            optimistic.commit_change(new, storage.from_raw, [storage.update_write(worker, new)])
        return True

    with suppress(TooManyWriters):  # eight others wrote of the worker just now: its next sign of life is soon enough
        if not optimistic.retry(attempt):
            return
    remember_recorded(org, pool, worker_id)


def remember_recorded(org: str, pool: str, worker_id: str) -> None:
    """Remember in this process that a sign of life of the worker was written just now."""
    _recorded_at.put((org, pool, worker_id), clock.now())


def overdue_at(now: int) -> int:
    """The instant at which a worker that gives a sign of life `now` is overdue."""
    return now + settings().heartbeat_timeout_seconds * clock.SECOND


def _stale_ms() -> int:
    return settings().heartbeat_timeout_seconds * clock.SECOND // STALE_SHARE

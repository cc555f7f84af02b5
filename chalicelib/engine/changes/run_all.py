"""Many small jobs, of which one that fails does not stop the others."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

Job = Callable[[], object]


def carry_out(jobs: Iterable[Job], complaint: str) -> int:
    """Do each job; returns how many were done. Raises ExceptionGroup(complaint) at the end when any failed."""
    return _told([_attempt(job) for job in jobs], complaint)


def carry_out_together(jobs: Sequence[Job], complaint: str, threads: int) -> int:
    """Do the jobs in their order, so many at once that one that takes long does not hold up the next; else as
    `carry_out`."""
    waiting = deque(jobs)
    with ThreadPoolExecutor(max_workers=max(1, min(threads, len(waiting)))) as pool:
        lines = list(pool.map(lambda _: list(_outcomes(waiting)), range(min(threads, len(waiting)))))
    return _told([outcome for line in lines for outcome in line], complaint)


def _outcomes(waiting: deque[Job]) -> Iterator[Exception | None]:
    while True:
        try:
            job = waiting.popleft()
        except IndexError:  # another thread took the last one
            return
        yield _attempt(job)


def _attempt(job: Job) -> Exception | None:
    try:
        job()
    except Exception as error:  # noqa: BLE001 - gathered, and raised at the end
        return error
    return None


def _told(outcomes: Sequence[Exception | None], complaint: str) -> int:
    errors = [outcome for outcome in outcomes if outcome is not None]
    if errors:
        raise ExceptionGroup(complaint, errors)
    return len(outcomes)

"""Run many independent actions: one that fails does not stop the others."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

Action = Callable[[], object]


def run_each(actions: Iterable[Action], message: str) -> int:
    """Run each action; returns how many ran. Raises ExceptionGroup(message) at the end when any failed."""
    return _count_or_raise([_attempt(action) for action in actions], message)


def run_each_in_threads(actions: Sequence[Action], message: str, threads: int) -> int:
    """As `run_each`, with the actions begun in their order by so many threads: a slow one does not hold up the next."""
    waiting = deque(actions)
    with ThreadPoolExecutor(max_workers=max(1, min(threads, len(waiting)))) as pool:
        outcomes = list(pool.map(lambda _: list(_outcomes(waiting)), range(min(threads, len(waiting)))))
    return _count_or_raise([outcome for thread in outcomes for outcome in thread], message)


def _outcomes(waiting: deque[Action]) -> Iterator[Exception | None]:
    while True:
        try:
            action = waiting.popleft()
        except IndexError:  # another thread took the last one
            return
        yield _attempt(action)


def _attempt(action: Action) -> Exception | None:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - collected, and raised at the end
        return error
    return None


def _count_or_raise(outcomes: Sequence[Exception | None], message: str) -> int:
    errors = [outcome for outcome in outcomes if outcome is not None]
    if errors:
        raise ExceptionGroup(message, errors)
    return len(outcomes)

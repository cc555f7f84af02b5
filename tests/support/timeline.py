"""Concurrent runs in one process, in an order that a seed determines.

Each run has its own thread, and only one of them runs at a time. It continues until it lets time pass (`pause`). Then
the clock moves to the run that is due next, and this one continues. So a run that waits for another takes time.
"""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib import clock


@dataclass
class Run:
    """Work in a thread of its own. `then` is called at its end."""

    work: Callable[[], object]
    then: Callable[[], object] = lambda: None
    error: BaseException | None = None
    _baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class Timeline(clock.ManualClock):
    """The clock of concurrent runs. A run that sleeps lets the others continue."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self._queue: list[tuple[int, int, Run]] = []
        self._number = 0
        self._running: Run | None = None
        self._rest = threading.Semaphore(0)

    @property
    def next_at(self) -> int | None:
        """When the next run continues, in epoch milliseconds; None when there is none."""
        return self._queue[0][0] if self._queue else None

    @property
    def is_running(self) -> bool:
        """Whether the caller is a run. Otherwise it is the test itself."""
        return self._running is not None

    def start(self, run: Run) -> None:
        """Start a run now."""
        threading.Thread(target=self._run, args=[run], daemon=True).start()
        self._schedule(run, self.now())

    def resume_next(self) -> None:
        """Let the run that is due next continue, until it lets time pass or ends."""
        at, _, run = heapq.heappop(self._queue)
        self._move_to(at)
        self._running = run
        run._baton.release()
        self._rest.acquire()
        self._running = None
        if run.error is not None:
            raise run.error

    def rest_until(self, instant: int) -> None:
        """Move the clock to this instant. No run continues meanwhile."""
        self._move_to(max(self.now(), instant))

    def _move_to(self, instant: int) -> None:
        self.advance((instant - self.now()) / clock.SECOND)

    def sleep(self, seconds: float) -> None:
        self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Let so many seconds pass in the calling run."""
        if self._running is not None:
            run = self._running
            self._schedule(run, self.now() + round(seconds * clock.SECOND))
            self._wait_for_turn(run)

    def run_together(self, jobs: Sequence[Callable[[], Any]], lines: int) -> list[Any]:
        """Run the jobs, `lines` of them at once, and return their results. The calling run continues after the last."""
        parent, waiting = self._running, deque(enumerate(jobs))
        answers: list[Any] = [None] * len(jobs)
        errors: list[BaseException] = []
        unfinished = [min(lines, len(jobs))]

        def work() -> None:
            while waiting:
                number, job = waiting.popleft()
                try:
                    answers[number] = job()
                except BaseException as error:  # noqa: BLE001 - raised to the caller below
                    errors.append(error)

        def finish() -> None:
            unfinished[0] -= 1
            if unfinished[0] == 0 and parent is not None:
                self._schedule(parent, self.now())

        if parent is None or not jobs:
            work()
        else:
            for _ in range(unfinished[0]):
                self.start(Run(work, finish))
            self._wait_for_turn(parent)
        if errors:
            raise errors[0]
        return answers

    def _schedule(self, run: Run, instant: int) -> None:
        self._number += 1
        heapq.heappush(self._queue, (instant, self._number, run))

    def _wait_for_turn(self, run: Run) -> None:
        self._rest.release()
        run._baton.acquire()

    def _run(self, run: Run) -> None:
        run._baton.acquire()
        try:
            run.work()
            run.then()
        except BaseException as error:  # noqa: BLE001 - raised by `resume_next`
            run.error = error
        self._rest.release()


def executor(timeline: Timeline) -> Callable[..., Any]:
    """A replacement for ThreadPoolExecutor whose threads are runs."""

    class Lines:
        def __init__(self, max_workers: int = 1, *_: Any, **__: Any) -> None:
            self._lines = max_workers

        def __enter__(self) -> "Lines":
            return self

        def __exit__(self, *_: object) -> None: ...

        def map(self, work: Callable[..., Any], *iterables: Iterable[Any]) -> list[Any]:
            jobs = [lambda arguments=arguments: work(*arguments) for arguments in zip(*iterables, strict=False)]
            return timeline.run_together(jobs, self._lines)

    return Lines

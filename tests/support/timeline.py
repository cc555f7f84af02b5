"""Things that happen at once, in one process and in an order that a seed decides.

Each run has a thread of its own, and only one of them runs at a time: it goes on until it lets time pass (`pause`), and
then the run whose time comes next goes on. The clock moves with them, so that what waits for another is seen to wait.
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
    """Something that happens; `then` is called when it is over."""

    work: Callable[[], object]
    then: Callable[[], object] = lambda: None
    error: BaseException | None = None
    _baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class Timeline(clock.ManualClock):
    """The clock of runs that happen at once: sleeping is letting the others go on."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self._queue: list[tuple[int, int, Run]] = []
        self._number = 0
        self._running: Run | None = None
        self._rest = threading.Semaphore(0)

    @property
    def next_at(self) -> int | None:
        """When the next run goes on; None when there is none."""
        return self._queue[0][0] if self._queue else None

    @property
    def running(self) -> bool:
        """Whether a run asks; else it is the test itself."""
        return self._running is not None

    def start(self, run: Run) -> None:
        """Have it happen from now on."""
        threading.Thread(target=self._live, args=[run], daemon=True).start()
        self._schedule(run, self.now())

    def resume_next(self) -> None:
        """Let the run whose time comes next go on, until it lets time pass or is over."""
        at, _, run = heapq.heappop(self._queue)
        self._move_to(at)
        self._running = run
        run._baton.release()
        self._rest.acquire()
        self._running = None
        if run.error is not None:
            raise run.error

    def rest_until(self, instant: int) -> None:
        """Nothing happens until then."""
        self._move_to(max(self.now(), instant))

    def _move_to(self, instant: int) -> None:
        self.advance((instant - self.now()) / clock.SECOND)

    def sleep(self, seconds: float) -> None:
        self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """The run lets so much time pass."""
        if self._running is not None:
            run = self._running
            self._schedule(run, self.now() + round(seconds * clock.SECOND))
            self._wait_for_turn(run)

    def together(self, jobs: Sequence[Callable[[], Any]], lines: int) -> list[Any]:
        """What each job answers; so many happen at once, and the run that asks goes on after the last."""
        parent, waiting = self._running, deque(enumerate(jobs))
        answers: list[Any] = [None] * len(jobs)
        errors: list[BaseException] = []
        left = [min(lines, len(jobs))]

        def work() -> None:
            while waiting:
                number, job = waiting.popleft()
                try:
                    answers[number] = job()
                except BaseException as error:  # noqa: BLE001 - the one who asked is told
                    errors.append(error)

        def over() -> None:
            left[0] -= 1
            if left[0] == 0 and parent is not None:
                self._schedule(parent, self.now())

        if parent is None or not jobs:
            work()
        else:
            for _ in range(left[0]):
                self.start(Run(work, over))
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

    def _live(self, run: Run) -> None:
        run._baton.acquire()
        try:
            run.work()
            run.then()
        except BaseException as error:  # noqa: BLE001 - raised by `go_on`
            run.error = error
        self._rest.release()


def executor(timeline: Timeline) -> Callable[..., Any]:
    """In place of ThreadPoolExecutor: its threads are runs."""

    class Lines:
        def __init__(self, max_workers: int = 1, *_: Any, **__: Any) -> None:
            self._lines = max_workers

        def __enter__(self) -> "Lines":
            return self

        def __exit__(self, *_: object) -> None: ...

        def map(self, work: Callable[..., Any], *found: Iterable[Any]) -> list[Any]:
            jobs = [lambda said=said: work(*said) for said in zip(*found, strict=False)]
            return timeline.together(jobs, self._lines)

    return Lines

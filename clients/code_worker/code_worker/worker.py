"""The worker performs each attempt once, even if connections break, and repeats each report until Yardmaster confirms
it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from code_worker.errors import TaskFailed

logger = logging.getLogger("code_worker")

Frame = dict[str, Any]
Key = tuple[str, int]
"""A task's id, and the number of the attempt."""
KEPT_REPORTS = 200
GIVEN_UP = "The worker had given this attempt up"
RESEND_SECONDS = 5.0
"""The pause before a report is repeated after Yardmaster could not process a frame."""
MAX_RETRY_AFTER_SECONDS = 86_400


class Performer(Protocol):
    """Performs attempts."""

    async def perform(
        self, data: Any, deadline_ms: int | None, chunk: Callable[[str, int], None], progress: Callable[[int], None]
    ) -> dict[str, Any]:
        """Perform the task and return its result. Raises TaskFailed."""


@dataclass
class Running:
    """A running attempt. Each frame about it has the fields `about`. `chunks` has all sent chunks: they are not
    confirmed, and are repeated on a new connection."""

    about: Frame
    chunks: list[Frame] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None

    def frame(self, kind: str, **fields: Any) -> Frame:
        """Build a frame about the attempt, with the latest lease."""
        return {"type": kind, **self.about, **fields}


class Worker:
    """Performs the tasks of Yardmaster's frames. `send` returns at once; a frame that it cannot send now is lost."""

    def __init__(self, performer: Performer, send: Callable[[Frame], None]) -> None:
        self._performer, self._send = performer, send
        self._running: dict[Key, Running] = {}
        self._reports: dict[Key, Frame] = {}
        self._unconfirmed: set[Key] = set()
        self._latest: dict[str, int] = {}
        self._draining = False

    @property
    def running(self) -> int:
        """The number of running attempts."""
        return len(self._running)

    def connected(self) -> None:
        """Repeat on a new connection what may have been lost with the last one."""
        if self._draining:
            self._send(_LEAVING)
        for running in self._running.values():
            for chunk in running.chunks:
                self._send(running.frame("chunk", **chunk))
        for key in self._unconfirmed:
            self._send(self._reports[key])

    def handle(self, frame: Frame) -> None:
        """Handle a frame of Yardmaster. Unknown frames are ignored."""
        kind, key = frame.get("type"), _key(frame)
        if kind == "ping":
            self._send(_LEAVING if self._draining else {"type": "pong"})
        elif kind == "error":
            self._on_error(frame, key)
        elif kind is None:
            self._resend_later()  # the gateway's own answer: a function failed
        elif key is not None:
            self._on_attempt(key, frame)

    async def drain(self, seconds: float) -> None:
        """Accept no new tasks, wait up to `seconds` until all reports are confirmed, then end the other attempts."""
        self._draining = True
        self._send(_LEAVING)
        ends = asyncio.get_running_loop().time() + seconds
        while (self._running or self._unconfirmed) and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.05)
        await self.stop()

    async def stop(self) -> None:
        """Cancel all attempts."""
        tasks = [running.task for running in self._running.values() if running.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()

    def _on_attempt(self, key: Key, frame: Frame) -> None:
        match frame["type"]:
            case "task":
                self._on_task(key, frame)
            case "cancel":
                self._end(key)
            case "accepted":
                self._unconfirmed.discard(key)
            case "rejected":
                self._unconfirmed.discard(key)
                if frame.get("reason") != "conflict":
                    self._end(key)  # whatever else comes of the attempt would be rejected as well

    def _on_task(self, key: Key, frame: Frame) -> None:
        if self._draining or self._latest.get(key[0], 0) > key[1]:
            return
        if key in self._running:
            self._running[key].about |= _lease(frame)
        elif key in self._reports and not self._can_begin_again(key, frame):
            self._send(self._reports[key] | _lease(frame))
        else:
            self._begin(key, frame)

    def _can_begin_again(self, key: Key, frame: Frame) -> bool:
        """Whether an attempt that the worker gave up may start again: only with a new lease. Under the old lease the
        chunks of both runs would be mixed."""
        report = self._reports[key]
        return report.get("error") == GIVEN_UP and report.get("lease") != frame.get("lease")

    def _on_error(self, frame: Frame, key: Key | None) -> None:
        error = frame.get("error") or {}
        logger.warning("Yardmaster refused a frame", extra={"code": error.get("code"), "task_id": frame.get("task_id")})
        if error.get("code") != "INVALID_INPUT":
            self._resend_later()
        elif key is not None and key in self._unconfirmed and self._reports[key]["type"] == "result":
            about = {name: value for name, value in self._reports[key].items() if name != "result"}
            self._report(key, about | {"type": "error", "error": "Yardmaster refused the result", "retryable": False})

    def _begin(self, key: Key, frame: Frame) -> None:
        logger.info("A task begins", extra={"task_id": key[0], "attempt": key[1]})
        self._latest[key[0]] = key[1]
        for older in [other for other in self._running if other[0] == key[0]]:
            self._end(older)
        running = self._running[key] = Running({"task_id": key[0], "attempt": key[1]} | _lease(frame))
        running.task = asyncio.create_task(self._work(key, frame, running))

    def _end(self, key: Key) -> None:
        running = self._running.pop(key, None)
        if running is not None and running.task is not None:
            logger.info("A task is cancelled", extra={"task_id": key[0], "attempt": key[1]})
            running.task.cancel()
            self._keep(key, running.frame("error", error=GIVEN_UP, retryable=True))

    async def _work(self, key: Key, frame: Frame, running: Running) -> None:
        def chunk(text: str, percent: int) -> None:
            running.chunks.append({"seq": len(running.chunks) + 1, "text": text, "progress": percent})
            self._send(running.frame("chunk", **running.chunks[-1]))

        def progress(percent: int) -> None:
            self._send(running.frame("progress", progress=percent))

        try:
            result = await self._performer.perform(frame.get("data"), frame.get("deadline"), chunk, progress)
            report: Frame = {"type": "result", "result": result}
        except TaskFailed as failed:
            report = {"type": "error", "error": str(failed), "retryable": failed.retryable} | _details(failed)
        except Exception:
            logger.exception("A task failed for a reason that lies in the worker", extra={"task_id": key[0]})
            report = {"type": "error", "error": "The worker has an error of its own", "retryable": True}
        if self._running.get(key) is running:
            del self._running[key]
            self._report(key, report | running.about)

    def _report(self, key: Key, report: Frame) -> None:
        self._unconfirmed.add(key)
        self._keep(key, report)
        self._send(report)

    def _keep(self, key: Key, report: Frame) -> None:
        """Keep a report. Of confirmed reports only the latest KEPT_REPORTS are kept."""
        self._reports[key] = report
        confirmed = [other for other in self._reports if other not in self._unconfirmed]
        for old in confirmed[:-KEPT_REPORTS]:
            del self._reports[old]
            self._latest.pop(old[0], None)

    def _resend_later(self) -> None:
        asyncio.get_running_loop().call_later(RESEND_SECONDS, self.connected)


_LEAVING: Frame = {"type": "pong", "status": "unhealthy"}
"""An unhealthy worker gets no new tasks."""


def _key(frame: Frame) -> Key | None:
    task, attempt = frame.get("task_id"), frame.get("attempt")
    return (task, attempt) if isinstance(task, str) and isinstance(attempt, int) else None


def _lease(frame: Frame) -> Frame:
    return {"lease": frame["lease"]} if "lease" in frame else {}


def _details(failed: TaskFailed) -> Frame:
    """What else the report says, where there is something to say."""
    details: Frame = {"timed_out": True} if failed.timed_out else {}
    if failed.retry_after is not None:
        details["retry_after"] = min(round(failed.retry_after + 0.5), MAX_RETRY_AFTER_SECONDS)
    return details

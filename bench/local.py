"""`make bench-local`: the local stack (moto, all in one process) over HTTP, with more and more waiting tasks.

One org submits WAITING tasks (20,000): three quarters to the coordinator API, whose tasks are in every index, and the
others to the processing API. There are no workers. Another org reads one of its own tasks and a page of 20. Then four
servers, which answer each POST with the result at once, do the DRAINED tasks (5,000) of the processing API, while the
other org continues to read. Callers, servers and stack share the machine.

The environment variables WAITING and DRAINED set other numbers of tasks. Writes bench/LOCAL.md; the exit status is 0
only if all targets are met.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from bench.measure import Figure, Section, at_most, machine
from bench.report import page
from bench.stack import Caller, Stack, milliseconds, stack
from infra.local.demo.report import percentile

WAITING = int(os.environ.get("WAITING", "20000"))
DRAINED = int(os.environ.get("DRAINED", "5000"))
RESULTS = Path(__file__).with_name("LOCAL.md")
COMMAND = "make bench-local"
THREADS = 8
EACH = WAITING // 10 // THREADS
"""How many tasks each thread submits for a tenth of all."""
LATENCY_REQUESTS = 100
"""Requests for each latency."""
SERVERS, SLOTS = 4, 10
PATIENCE_SECONDS = 600
MINUTE_SECONDS = 65.0
"""More than the minute between two sweeps; the sweep reads each task that has waited for a minute once."""
GET_MS, PAGE_MS, DRAIN_SECONDS = 20, 50, 180
"""The targets."""


def main() -> int:
    """Measure, write the page and return the exit status."""
    section = measure()
    RESULTS.write_text(page([section], machine(), COMMAND))
    print(f"written: {RESULTS}")
    return 0 if all(figure.met for figure in section.figures) else 1


def measure() -> Section:
    with stack() as running:
        other = _Other(running)
        figures = [*other.figures("nothing else stored")]
        figures += _submissions(running)
        figures += _quiet(running)
        figures += other.figures(f"{WAITING:,} tasks waiting", targets=True)
        figures += _drain(running, other)
        figures.append(Figure("memory at the end", f"{running.megabytes():.0f} MB"))
    return Section(f"{WAITING:,} waiting tasks on the local stack", _text(), figures)


def _text() -> str:
    return (__doc__ or "").partition("\n\n")[2].rpartition("\n\n")[0]


class _Other:
    """The other org, which has 30 tasks."""

    def __init__(self, running: Stack) -> None:
        self._caller = Caller(running.urls["coordinator"], "other", "asking")
        created = [self._caller.call("POST", "/api/tasks", _task(number)) for number in range(30)]
        self._task_path = f"/api/tasks/{created[0]['id']}"
        self._times: dict[str, list[float]] = {"GET": [], "page": []}

    def ask(self) -> None:
        """Read one task and one page, and record the times."""
        self._times["GET"].append(milliseconds(lambda: self._caller.call("GET", self._task_path)))
        self._times["page"].append(milliseconds(lambda: self._caller.call("GET", "/api/tasks?limit=20")))

    def figures(self, when: str, *, targets: bool = False) -> list[Figure]:
        """Figures of the reads since the last call; without any, of LATENCY_REQUESTS reads that are made now."""
        for _ in range(0 if self._times["GET"] else LATENCY_REQUESTS):
            self.ask()
        gets, pages = self._times["GET"], self._times["page"]
        self._times = {"GET": [], "page": []}
        if not targets:
            return [_latency(f"GET, {when}", gets), _latency(f"page, {when}", pages)]
        return [_latency(f"GET, {when}", gets, GET_MS), _latency(f"page, {when}", pages, PAGE_MS)]


def _latency(what: str, times: Sequence[float], limit: float | None = None) -> Figure:
    """The median, which is compared with the target, and the 95th percentile."""
    shown = f"{what}: p50 (p95 {percentile(times, 0.95):.1f} ms)"
    median = percentile(times, 0.5)
    return Figure(shown, f"{median:.1f} ms") if limit is None else at_most(shown, median, limit, "ms")


# The submitting org


def _task(number: int) -> dict[str, Any]:
    return {"name": f"bench-{number}", "type": "general", "payload": {"number": number}, "auto_assign": True}


def _submissions(running: Stack) -> Iterator[Figure]:
    """Submit all tasks. Figures: the rates of the first and the last tenth, and the memory afterwards."""
    marks: list[float] = []
    with ThreadPoolExecutor(THREADS) as threads:
        submitting = [_Submitting(running, number) for number in range(THREADS)]
        for part in range(10):
            started = time.perf_counter()
            list(threads.map(_Submitting.submit, submitting, [part] * THREADS))
            marks.append(EACH * THREADS / (time.perf_counter() - started))
            _report(f"{(part + 1) * WAITING // 10:,} submitted, {marks[-1]:.0f} a second")
    yield Figure("submissions a second, first tenth", f"{marks[0]:.0f}")
    yield Figure("submissions a second, last tenth", f"{marks[-1]:.0f}")
    yield Figure("memory with all waiting", f"{running.megabytes():.0f} MB")


class _Submitting:
    """The callers of one thread."""

    def __init__(self, running: Stack, number: int) -> None:
        self._processing = Caller(running.urls["processing"], "crowd", f"submitting-{number}")
        self._coordinator = Caller(running.urls["coordinator"], "crowd", f"submitting-{number}")

    def submit(self, part: int) -> None:
        """Submit a tenth of the thread's tasks."""
        for number in range(part * EACH, (part + 1) * EACH):
            if number % 4 == 0:
                body = {"type": "bench", "payload": {"number": number}, "priority": 5}
                self._processing.call("POST", "/api/task", body)
            else:
                self._coordinator.call("POST", "/api/tasks", _task(number))


def _quiet(running: Stack) -> Iterator[Figure]:
    """Wait until the stack has no work left, then measure its CPU use without requests."""
    started = time.perf_counter()
    _wait(lambda: _share(running, 2.0) < 0.2, "quiet")
    yield Figure("then busy for", f"{time.perf_counter() - started:.0f} s")
    for minute in ("first", "second"):
        share = 100 * _share(running, MINUTE_SECONDS)
        yield Figure(f"CPU with {WAITING:,} waiting and nobody asking, {minute} minute", f"{share:.0f} %")


def _share(running: Stack, seconds: float) -> float:
    """The share of one core that the stack uses during the next `seconds`."""
    before, started = running.cpu_seconds(), time.perf_counter()
    time.sleep(seconds)
    return (running.cpu_seconds() - before) / (time.perf_counter() - started)


# The drain


class _Work(BaseHTTPRequestHandler):
    """A server that answers each task with its result."""

    protocol_version = "HTTP/1.1"
    done: ClassVar[list[float]] = []

    def do_POST(self) -> None:
        """Answer a task."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(b'{"status": "COMPLETED", "result": {}}')
        self.done.append(time.perf_counter())

    def do_GET(self) -> None:
        """Answer a health check."""
        self._reply(b'{"status": "healthy"}')

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def _reply(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def _server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Work)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _drain(running: Stack, other: _Other) -> Iterator[Figure]:
    admin = Caller(running.urls["processing"], "crowd", "admin", "admin")
    with _server() as url:
        started, used = time.perf_counter(), running.cpu_seconds()
        for number in range(SERVERS):
            admin.call("POST", "/api/servers", _registration(f"server-{number}", url))
        _wait(lambda: _count_completed(admin, other) >= DRAINED, f"{DRAINED:,} completed")
        yield at_most(f"{DRAINED:,} tasks done", time.perf_counter() - started, DRAIN_SECONDS, "s")
        yield Figure("CPU of the stack for that", f"{running.cpu_seconds() - used:.0f} s")
    yield from other.figures("during the drain", targets=True)
    yield Figure("POSTs of a task more than once", str(len(_Work.done) - DRAINED))


def _registration(name: str, url: str) -> dict[str, Any]:
    endpoints = {kind: f"{url}/{name}/{kind}" for kind in ("predict", "health")}
    return {"name": name, "endpoints": endpoints, "apiKey": f"key-{name}", "maxConcurrent": SLOTS, "priority": 5}


def _count_completed(admin: Caller, other: _Other) -> int:
    """Let the other org read once, then return the number of completed tasks."""
    other.ask()
    done = int(admin.call("GET", "/api/stats/tasks")["successfulTasks"])
    _report(f"{done:,} completed")
    return done


def _wait(done: Callable[[], bool], what: str) -> None:
    end = time.perf_counter() + PATIENCE_SECONDS
    while not done():
        if time.perf_counter() > end:
            raise TimeoutError(f"Not {what} within {PATIENCE_SECONDS} s")
        time.sleep(0.5)


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""`make bench-local`: the local stack (moto, all in one process) with ever more tasks waiting in it, over HTTP.

One org submits WAITING tasks (20,000), three quarters of them to the coordinator API, whose tasks stand in every index,
the others to the processing API; nobody works. Another org asks for a task and for a page of 20 of its own. Then four
servers, which answer each POST with the result at once, do the DRAINED tasks (5,000) of the processing API, while the
other org goes on asking. Caller, servers and stack share the machine.

WAITING and DRAINED in the environment are other numbers of tasks. Writes bench/LOCAL.md; the exit status is 0 only if
all targets are met.
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
ASKED = 100
"""Requests for each latency."""
SERVERS, SLOTS = 4, 10
PATIENCE_SECONDS = 600
MINUTE_SECONDS = 65.0
"""A sweep and a little: it comes each minute, and looks once at each task that has waited for a minute."""
GET_MS, PAGE_MS, DRAIN_SECONDS = 20, 50, 180
"""What is to be reached."""


def main() -> int:
    """Measure and write; the exit status."""
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
    """The other org, which has a few tasks of its own."""

    def __init__(self, running: Stack) -> None:
        self._caller = Caller(running.urls["coordinator"], "other", "asking")
        made = [self._caller.call("POST", "/api/tasks", _task(number)) for number in range(30)]
        self._task_path = f"/api/tasks/{made[0]['id']}"
        self.asked: dict[str, list[float]] = {"GET": [], "page": []}

    def ask(self) -> None:
        """One of each."""
        self.asked["GET"].append(milliseconds(lambda: self._caller.call("GET", self._task_path)))
        self.asked["page"].append(milliseconds(lambda: self._caller.call("GET", "/api/tasks?limit=20")))

    def figures(self, when: str, *, targets: bool = False) -> list[Figure]:
        """What was asked meanwhile, or else asked now."""
        for _ in range(0 if self.asked["GET"] else ASKED):
            self.ask()
        gets, pages = self.asked["GET"], self.asked["page"]
        self.asked = {"GET": [], "page": []}
        if not targets:
            return [_latency(f"GET, {when}", gets), _latency(f"page, {when}", pages)]
        return [_latency(f"GET, {when}", gets, GET_MS), _latency(f"page, {when}", pages, PAGE_MS)]


def _latency(what: str, times: Sequence[float], limit: float | None = None) -> Figure:
    """The median, which is judged, and how long the slowest twentieth took."""
    shown = f"{what}: p50 (p95 {percentile(times, 0.95):.1f} ms)"
    median = percentile(times, 0.5)
    return Figure(shown, f"{median:.1f} ms") if limit is None else at_most(shown, median, limit, "ms")


# The crowd


def _task(number: int) -> dict[str, Any]:
    return {"name": f"bench-{number}", "type": "general", "payload": {"number": number}, "auto_assign": True}


def _submissions(running: Stack) -> Iterator[Figure]:
    """Rates of the first and the last tenth of all tasks, and how long the stream's consequences took after that."""
    marks: list[float] = []
    with ThreadPoolExecutor(THREADS) as threads:
        submitting = [_Submitting(running, number) for number in range(THREADS)]
        for part in range(10):
            started = time.perf_counter()
            list(threads.map(_Submitting.submit, submitting, [part] * THREADS))
            marks.append(EACH * THREADS / (time.perf_counter() - started))
            _say(f"{(part + 1) * WAITING // 10:,} submitted, {marks[-1]:.0f} a second")
    yield Figure("submissions a second, first tenth", f"{marks[0]:.0f}")
    yield Figure("submissions a second, last tenth", f"{marks[-1]:.0f}")
    yield Figure("memory with all waiting", f"{running.megabytes():.0f} MB")


class _Submitting:
    """One thread's callers."""

    def __init__(self, running: Stack, number: int) -> None:
        self._processing = Caller(running.urls["processing"], "crowd", f"submitting-{number}")
        self._coordinator = Caller(running.urls["coordinator"], "crowd", f"submitting-{number}")

    def submit(self, part: int) -> None:
        """A tenth of its share."""
        for number in range(part * EACH, (part + 1) * EACH):
            if number % 4 == 0:
                body = {"type": "bench", "payload": {"number": number}, "priority": 5}
                self._processing.call("POST", "/api/task", body)
            else:
                self._coordinator.call("POST", "/api/tasks", _task(number))


def _quiet(running: Stack) -> Iterator[Figure]:
    """Wait until nothing is left to do, and then look how much the stack does while nobody asks anything."""
    started = time.perf_counter()
    _wait(lambda: _share(running, 2.0) < 0.2, "quiet")
    yield Figure("then busy for", f"{time.perf_counter() - started:.0f} s")
    for minute in ("first", "second"):
        share = 100 * _share(running, MINUTE_SECONDS)
        yield Figure(f"CPU with {WAITING:,} waiting and nobody asking, {minute} minute", f"{share:.0f} %")


def _share(running: Stack, seconds: float) -> float:
    """Of one core, from now on for so long."""
    before, started = running.cpu_seconds(), time.perf_counter()
    time.sleep(seconds)
    return (running.cpu_seconds() - before) / (time.perf_counter() - started)


# The drain


class _Work(BaseHTTPRequestHandler):
    """A server that has done each task by the time it answers."""

    protocol_version = "HTTP/1.1"
    done: ClassVar[list[float]] = []

    def do_POST(self) -> None:
        """A task."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(b'{"status": "COMPLETED", "result": {}}')
        self.done.append(time.perf_counter())

    def do_GET(self) -> None:
        """Health."""
        self._reply(b'{"status": "healthy"}')

    def log_message(self, *_: Any) -> None:
        """Nothing."""

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
        _wait(lambda: _completed(admin, other) >= DRAINED, f"{DRAINED:,} completed")
        yield at_most(f"{DRAINED:,} tasks done", time.perf_counter() - started, DRAIN_SECONDS, "s")
        yield Figure("CPU of the stack for that", f"{running.cpu_seconds() - used:.0f} s")
    yield from other.figures("during the drain", targets=True)
    yield Figure("POSTs of a task more than once", str(len(_Work.done) - DRAINED))


def _registration(name: str, url: str) -> dict[str, Any]:
    endpoints = {kind: f"{url}/{name}/{kind}" for kind in ("predict", "health")}
    return {"name": name, "endpoints": endpoints, "apiKey": f"key-{name}", "maxConcurrent": SLOTS, "priority": 5}


def _completed(admin: Caller, other: _Other) -> int:
    """How many are done; the other org asks first."""
    other.ask()
    done = int(admin.call("GET", "/api/stats/tasks")["successfulTasks"])
    _say(f"{done:,} completed")
    return done


def _wait(done: Callable[[], bool], what: str) -> None:
    end = time.perf_counter() + PATIENCE_SECONDS
    while not done():
        if time.perf_counter() > end:
            raise TimeoutError(f"Not {what} within {PATIENCE_SECONDS} s")
        time.sleep(0.5)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

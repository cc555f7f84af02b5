"""`python -m infra.local.demo`: the main job, visibly. Exit status 0 only if no task was lost.

A stack of its own as a child process on a free port, three worker processes, TASKS tasks (200); one worker is killed
midway.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib import clock
from infra.local.demo_api import Client
from infra.local.demo_report import Bar, percentile, table

TASKS = int(os.environ.get("TASKS", "200"))
PATIENCE_SECONDS = 90
STACK = {
    "PORT_PROCESSING": "0",
    "SWEEP_SECONDS": "2",
    "HEARTBEAT_TIMEOUT_SECONDS": "4",
    "BACKOFF_BASE_SECONDS": "0.5",
    # A worker is about to die, and the demo says so itself.
    "LOG_LEVEL": "ERROR",
}
WORKERS = (("slow", 1, 0.6), ("middling", 2, 0.4), ("fast", 4, 0.2))
"""Name, weight, seconds for a task."""
VICTIM = "middling"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process, and what it is called in the API."""

    name: str
    id: str
    process: "subprocess.Popen[str]"


def main() -> int:
    with ExitStack() as running:
        url = running.enter_context(_stack())
        admin, user = Client(url, "admin"), Client(url, "user")
        workers = [running.enter_context(_worker(admin, *each)) for each in WORKERS]
        print(f"A stack of its own on {url}; workers: {', '.join(worker.name for worker in workers)}", flush=True)
        tasks = _submit(user)
        _watch(admin, next(worker for worker in workers if worker.name == VICTIM))
        return _report(admin, workers, _ends(user, tasks))


@contextmanager
def _stack() -> Iterator[str]:
    with _process("infra.local", env=os.environ | STACK) as process:
        lines = list(iter(lambda: _line(process), "ready"))
        yield next(word for line in lines for word in line.split() if word.startswith("http://"))


@contextmanager
def _worker(admin: Client, name: str, weight: int, seconds: float) -> Iterator[Worker]:
    api_key = f"demo-key-of-{name}"
    with _process("infra.local.demo_server", str(seconds), api_key, env=os.environ) as process:
        url = _line(process)
        server = {
            "name": name,
            "endpoints": {"predict": f"{url}/predict", "health": f"{url}/health"},
            "apiKey": api_key,
            "maxConcurrent": 4 * weight,
            "priority": weight,
        }
        identifier = admin.call("POST", "/api/servers", server)["serverId"]
        assert process.stdin is not None
        print(f"{admin.url}/api/servers/{identifier}/heartbeat", file=process.stdin, flush=True)
        yield Worker(name, identifier, process)


@contextmanager
def _process(module: str, *arguments: str, env: Any) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.terminate()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    text = process.stdout.readline()
    if not text:
        raise RuntimeError(f"{process.args!r} ended before it was ready")
    return text.strip()


def _submit(user: Client) -> list[str]:
    def submit(number: int) -> str:
        task = {"type": "demo", "priority": number % 10, "payload": {"number": number}, "maxAttempts": 8}
        return str(user.call("POST", "/api/task", task, **{"Idempotency-Key": f"demo-{number}"})["id"])

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(submit, range(TASKS)))


def _watch(admin: Client, victim: Worker) -> None:
    """Show how it goes until every task has ended; half way, kill the victim."""
    bar, end, killed = Bar(TASKS), clock.now() + PATIENCE_SECONDS * clock.SECOND, False
    while (done := _done(admin)) < TASKS and clock.now() < end:
        bar.show(done)
        if not killed and done >= TASKS // 3:
            killed = True
            victim.process.kill()
            bar.say(f"worker '{victim.name}' killed (SIGKILL) with tasks in its hands")
        clock.sleep(0.4)
    bar.show(done)


def _done(admin: Client) -> int:
    day = admin.call("GET", "/api/stats/tasks")
    return int(day["successfulTasks"] + day["failedTasks"])


def _ends(user: Client, tasks: list[str]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(lambda task: user.call("GET", f"/api/task/{task}"), tasks))


def _report(admin: Client, workers: list[Worker], ends: list[dict[str, Any]]) -> int:
    rows: list[tuple[object, ...]] = [("server", "weight", "done", "failed", "mean ms")]
    for worker, (_, weight, _) in zip(workers, WORKERS, strict=True):
        day = admin.call("GET", f"/api/stats/servers/{worker.id}")
        rows.append((worker.name, weight, day["successCount"], day["failureCount"], day["averageProcessingTime"]))
    waits = [end["startedAt"] - end["createdAt"] for end in ends if "startedAt" in end]
    lost = sum(end["status"] != "COMPLETED" for end in ends)
    print(table(rows))
    print(f"retries {admin.call('GET', '/api/stats/tasks')['retriedTasks']}")
    print(f"waits p50 {percentile(waits, 0.5)} ms, p95 {percentile(waits, 0.95)} ms")
    print(f"lost {lost}")
    return 1 if lost else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

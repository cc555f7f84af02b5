"""`python -m infra.local.demo`: the main job, visibly. Exit status 0 only if no task failed or was lost.

A stack of its own as a child process on free ports; three HTTP servers, a worker that fetches its tasks and one that
holds a WebSocket, each in a process of its own. TASKS tasks (200) for the servers and a fifth as many for each of the
other two; one server is killed midway, and the WebSocket is broken.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from chalicelib import clock
from infra.local.demo.processes import process, read_line, stack, tell
from infra.local.demo.report import Bar, percentile, table
from infra.local.demo.worker_kinds import Line, Pulled, Pushed, Socketed, Worker

TASKS = int(os.environ.get("TASKS", "200"))
SMALL = max(1, TASKS // 5)
PATIENCE_SECONDS = 120
SERVERS = (("slow", 1, 0.6), ("middling", 2, 0.4), ("fast", 4, 0.2))
"""Name, weight, seconds for a task."""
VICTIM = "middling"


def main() -> int:
    with ExitStack() as running:
        urls = running.enter_context(stack())
        pushed, pulled, socketed = Pushed(urls), Pulled(urls), Socketed(urls)
        servers = [running.enter_context(_server(pushed, *each)) for each in SERVERS]
        workers = [*servers, running.enter_context(_puller(pulled)), running.enter_context(_socket(socketed))]
        print(
            f"A stack of its own on {pushed.url}; workers: {', '.join(worker.name for worker in workers)}", flush=True
        )
        given = {pushed: TASKS, pulled: SMALL, socketed: SMALL}
        tasks = {line: _submit(line, count) for line, count in given.items()}
        _watch(tasks, next(server for server in servers if server.name == VICTIM), workers[-1])
        return _report(pushed, workers, tasks)


@contextmanager
def _server(line: Pushed, name: str, weight: int, seconds: float) -> Iterator[Worker]:
    api_key = f"demo-key-of-{name}"
    with process("infra.local.demo.http_worker", str(seconds), api_key) as started:
        identifier = line.register(name, weight, read_line(started), api_key)
        tell(started, f"{line.url}/api/servers/{identifier}/heartbeat")
        yield Worker(line, name, identifier, started)


@contextmanager
def _puller(line: Pulled) -> Iterator[Worker]:
    with process("infra.local.demo.pull_worker", line.url, line.token) as started:
        yield Worker(line, "pulling", read_line(started), started)


@contextmanager
def _socket(line: Socketed) -> Iterator[Worker]:
    identifier, url = line.register()
    with process("infra.local.demo.websocket_worker", url, line.token) as started:
        read_line(started)
        yield Worker(line, "socket", identifier, started)


def _submit(line: Line, count: int) -> list[str]:
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(line.submit, range(count)))


def _watch(tasks: dict[Line, list[str]], victim: Worker, socket: Worker) -> None:
    """Show how it goes until every task has ended; after a third kill the victim, after a half break the WebSocket."""
    total = sum(map(len, tasks.values()))
    bar, end, killed, broken = Bar(total), clock.now() + PATIENCE_SECONDS * clock.SECOND, False, False
    while (done := sum(line.done() for line in tasks)) < total and clock.now() < end:
        bar.show(done)
        if not killed and done >= total // 3:
            killed = True
            victim.process.kill()
            bar.say(f"worker '{victim.name}' killed (SIGKILL) with tasks in its hands")
        if not broken and done >= total // 2:
            broken = True
            tell(socket.process, "break")
            bar.say("the WebSocket of worker 'socket' broken; it connects again")
        clock.sleep(0.4)
    bar.show(done)


def _report(pushed: Pushed, workers: list[Worker], tasks: dict[Line, list[str]]) -> int:
    rows: list[tuple[object, ...]] = [("worker", "gets tasks by", "done", "failed", "mean ms")]
    rows += [(worker.name, worker.line.way, *worker.line.figures(worker.id)) for worker in workers]
    ends = {line: _ends(line, found) for line, found in tasks.items()}
    waits = [end["startedAt"] - end["createdAt"] for end in ends[pushed] if "startedAt" in end]
    failed = sum(line.failed(end) for line, found in ends.items() for end in found)
    completed = sum(line.completed(end) for line, found in ends.items() for end in found)
    lost = sum(map(len, ends.values())) - completed - failed
    print(table(rows))
    print(f"retries {pushed.admin.call('GET', '/api/stats/tasks')['retriedTasks']}")
    print(f"waits p50 {percentile(waits, 0.5)} ms, p95 {percentile(waits, 0.95)} ms")
    print(f"failed {failed}\nlost {lost}")
    return 1 if failed or lost else 0


def _ends(line: Line, tasks: list[str]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(line.task, tasks))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

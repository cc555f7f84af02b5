"""`python -m infra.local.demo`: show Yardmaster's main job. The exit status is 0 only if no task failed or was lost.

It starts a stack as a child process on free ports, three HTTP servers, a worker that fetches its tasks and one on a
WebSocket, each as a process. The servers get TASKS tasks (200), the other two a fifth as many each. The demo kills one
server and breaks the WebSocket while tasks run.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from chalicelib import clock
from infra.local.demo.processes import process, read_line, send_line, stack
from infra.local.demo.report import Bar, percentile, table
from infra.local.demo.worker_kinds import ApiTasks, PulledTasks, PushedTasks, SocketTasks, Worker

TASKS = int(os.environ.get("TASKS", "200"))
FEWER_TASKS = max(1, TASKS // 5)
PATIENCE_SECONDS = 120
SERVERS = (("slow", 1, 0.6), ("middling", 2, 0.4), ("fast", 4, 0.2))
"""Name, weight, seconds for a task."""
KILLED_SERVER = "middling"


def main() -> int:
    with ExitStack() as running:
        urls = running.enter_context(stack())
        pushed, pulled, socketed = PushedTasks(urls), PulledTasks(urls), SocketTasks(urls)
        servers = [running.enter_context(_server(pushed, *each)) for each in SERVERS]
        workers = [*servers, running.enter_context(_puller(pulled)), running.enter_context(_socket(socketed))]
        print(
            f"A stack of its own on {pushed.url}; workers: {', '.join(worker.name for worker in workers)}", flush=True
        )
        counts = {pushed: TASKS, pulled: FEWER_TASKS, socketed: FEWER_TASKS}
        tasks = {kind: _submit(kind, count) for kind, count in counts.items()}
        _watch(tasks, next(server for server in servers if server.name == KILLED_SERVER), workers[-1])
        return _report(pushed, workers, tasks)


@contextmanager
def _server(kind: PushedTasks, name: str, weight: int, seconds: float) -> Iterator[Worker]:
    api_key = f"demo-key-of-{name}"
    with process("infra.local.demo.http_worker", str(seconds), api_key) as child:
        identifier = kind.register(name, weight, read_line(child), api_key)
        send_line(child, f"{kind.url}/api/servers/{identifier}/heartbeat")
        yield Worker(kind, name, identifier, child)


@contextmanager
def _puller(kind: PulledTasks) -> Iterator[Worker]:
    with process("infra.local.demo.pull_worker", kind.url, kind.token) as child:
        yield Worker(kind, "pulling", read_line(child), child)


@contextmanager
def _socket(kind: SocketTasks) -> Iterator[Worker]:
    identifier, url = kind.register()
    with process("infra.local.demo.websocket_worker", url, kind.token) as child:
        read_line(child)
        yield Worker(kind, "socket", identifier, child)


def _submit(kind: ApiTasks, count: int) -> list[str]:
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(kind.submit, range(count)))


def _watch(tasks: dict[ApiTasks, list[str]], killed_server: Worker, socket: Worker) -> None:
    """Show the progress until every task has ended. Kill a server after a third, break the WebSocket after a half."""
    total = sum(map(len, tasks.values()))
    bar, end, is_killed, is_broken = Bar(total), clock.now() + PATIENCE_SECONDS * clock.SECOND, False, False
    while (ended := sum(kind.count_ended() for kind in tasks)) < total and clock.now() < end:
        bar.show(ended)
        if not is_killed and ended >= total // 3:
            is_killed = True
            killed_server.process.kill()
            bar.print_line(f"worker '{killed_server.name}' killed (SIGKILL) while it runs tasks")
        if not is_broken and ended >= total // 2:
            is_broken = True
            send_line(socket.process, "break")
            bar.print_line("the WebSocket of worker 'socket' broken; it connects again")
        clock.sleep(0.4)
    bar.show(ended)


def _report(pushed: PushedTasks, workers: list[Worker], tasks: dict[ApiTasks, list[str]]) -> int:
    rows: list[tuple[object, ...]] = [("worker", "gets tasks by", "done", "failed", "mean ms")]
    rows += [(worker.name, worker.tasks.way, *worker.tasks.figures(worker.id)) for worker in workers]
    ends = {kind: _ends(kind, ended_tasks) for kind, ended_tasks in tasks.items()}
    waits = [end["startedAt"] - end["createdAt"] for end in ends[pushed] if "startedAt" in end]
    failed = sum(kind.is_failed(end) for kind, found in ends.items() for end in found)
    completed = sum(kind.is_completed(end) for kind, found in ends.items() for end in found)
    lost = sum(map(len, ends.values())) - completed - failed
    print(table(rows))
    print(f"retries {pushed.admin.call('GET', '/api/stats/tasks')['retriedTasks']}")
    print(f"waits p50 {percentile(waits, 0.5)} ms, p95 {percentile(waits, 0.95)} ms")
    print(f"failed {failed}\nlost {lost}")
    return 1 if failed or lost else 0


def _ends(kind: ApiTasks, tasks: list[str]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(kind.task, tasks))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

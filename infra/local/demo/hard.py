"""`python -m infra.local.demo.hard`: one good server among twelve bad ones, with default settings. The exit status is 0
only if no task failed or was lost.

It starts a stack as a child process on free ports and submits TASKS tasks (60). Of the bad servers, one never existed,
one has no address, one is killed while it holds tasks, and nine misbehave and still send heartbeats (bad_servers.py).
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from chalicelib import clock
from infra.local.demo.bad_servers import API_KEY
from infra.local.demo.processes import process, read_line, send_line, stack
from infra.local.demo.report import Bar, table
from infra.local.demo.worker_kinds import PushedTasks

TASKS = int(os.environ.get("TASKS", "60"))
PATIENCE_SECONDS = 300
STACK = {"DELIVER_TIMEOUT_SECONDS": "10"}
"""A handover times out after 10 s instead of 60, so that the demo is shorter."""
GOOD_KEY = "demo-key-of-the-good-server"


def main() -> int:
    with ExitStack() as running:
        kind = PushedTasks(running.enter_context(stack(**STACK)))
        names = running.enter_context(_bad_servers(kind)) | running.enter_context(_good_server(kind))
        print(f"A stack of its own on {kind.url}; servers: {', '.join(names.values())}", flush=True)
        with ThreadPoolExecutor(8) as threads:
            tasks = list(threads.map(kind.submit, range(TASKS)))
        _watch(kind, tasks)
        return _report(kind, names, tasks)


@contextmanager
def _good_server(kind: PushedTasks) -> Iterator[dict[str, str]]:
    """Start the good server. Yields its name, by its id."""
    with process("infra.local.demo.http_worker", "0.3", GOOD_KEY) as child:
        identifier = kind.register("good", 1, read_line(child), GOOD_KEY)
        send_line(child, f"{kind.url}/api/servers/{identifier}/heartbeat")
        yield {identifier: "good"}


@contextmanager
def _bad_servers(kind: PushedTasks) -> Iterator[dict[str, str]]:
    """Start the bad servers. Yields their names, by their ids."""
    with (
        process("infra.local.demo.bad_servers") as misbehaving,
        process("infra.local.demo.bad_servers", "dies") as dying,
    ):
        alive: dict[str, str] = json.loads(read_line(misbehaving))
        dead = {
            "never there": f"http://127.0.0.1:{_unused_port()}",
            "no address": "http://nobody.invalid",
            "killed after 202": read_line(dying),
        }
        ids = {name: kind.register(name, 1, url, API_KEY) for name, url in (dead | alive).items()}
        send_line(misbehaving, json.dumps({name: f"{kind.url}/api/servers/{ids[name]}/heartbeat" for name in alive}))
        yield {identifier: name for name, identifier in ids.items()}


def _unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _watch(kind: PushedTasks, tasks: list[str]) -> None:
    bar, end = Bar(len(tasks)), clock.now() + PATIENCE_SECONDS * clock.SECOND
    while (ended := kind.count_ended()) < len(tasks) and clock.now() < end:
        bar.show(ended)
        clock.sleep(0.4)
    bar.show(ended)


def _report(kind: PushedTasks, names: dict[str, str], tasks: list[str]) -> int:
    with ThreadPoolExecutor(8) as threads:
        ends: list[dict[str, Any]] = list(threads.map(kind.task, tasks))
    status = {server["id"]: server["status"] for server in kind.admin.call("GET", "/api/servers")["servers"]}
    rows: list[tuple[object, ...]] = [("server", "now", "done", "failed attempts")]
    rows += [(name, status.get(server, "-"), *kind.figures(server)[:2]) for server, name in names.items()]
    print(table(rows))
    attempts = [end.get("attempt", 1) for end in ends]
    print(f"attempts {sum(attempts)} for {len(ends)} tasks, at most {max(attempts)} for one")
    failed = sum(map(kind.is_failed, ends))
    lost = len(ends) - failed - sum(map(kind.is_completed, ends))
    print(f"failed {failed}\nlost {lost}")
    return 1 if failed or lost else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

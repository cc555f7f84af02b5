"""`python -m infra.local.demo.hard`: one good server among twelve bad ones, at the defaults. Exit status 0 only if no
task has failed or was lost.

A stack of its own as a child process on free ports. Of the bad servers one was never there, one has no address, one
dies with tasks in its hands, and nine misbehave while they go on sending heartbeats (bad_servers.py).
TASKS tasks (60).
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
from infra.local.demo.processes import process, read_line, stack, tell
from infra.local.demo.report import Bar, table
from infra.local.demo.worker_kinds import Pushed

TASKS = int(os.environ.get("TASKS", "60"))
PATIENCE_SECONDS = 300
STACK = {"DELIVER_TIMEOUT_SECONDS": "10"}
"""A server that hangs is left after 10 s instead of 60, so that nobody has to watch that long."""
GOOD_KEY = "demo-key-of-the-good-server"


def main() -> int:
    with ExitStack() as running:
        line = Pushed(running.enter_context(stack(**STACK)))
        names = running.enter_context(_bad(line)) | running.enter_context(_good(line))
        print(f"A stack of its own on {line.url}; servers: {', '.join(names.values())}", flush=True)
        with ThreadPoolExecutor(8) as threads:
            tasks = list(threads.map(line.submit, range(TASKS)))
        _watch(line, tasks)
        return _report(line, names, tasks)


@contextmanager
def _good(line: Pushed) -> Iterator[dict[str, str]]:
    """The good server's name, by its id."""
    with process("infra.local.demo.http_worker", "0.3", GOOD_KEY) as started:
        identifier = line.register("good", 1, read_line(started), GOOD_KEY)
        tell(started, f"{line.url}/api/servers/{identifier}/heartbeat")
        yield {identifier: "good"}


@contextmanager
def _bad(line: Pushed) -> Iterator[dict[str, str]]:
    """The bad servers' names, by their ids."""
    with process("infra.local.demo.bad_servers") as many, process("infra.local.demo.bad_servers", "dies") as dying:
        alive: dict[str, str] = json.loads(read_line(many))
        dead = {
            "never there": f"http://127.0.0.1:{_unused_port()}",
            "no address": "http://nobody.invalid",
            "killed after 202": read_line(dying),
        }
        ids = {name: line.register(name, 1, url, API_KEY) for name, url in (dead | alive).items()}
        tell(many, json.dumps({name: f"{line.url}/api/servers/{ids[name]}/heartbeat" for name in alive}))
        yield {identifier: name for name, identifier in ids.items()}


def _unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _watch(line: Pushed, tasks: list[str]) -> None:
    bar, end = Bar(len(tasks)), clock.now() + PATIENCE_SECONDS * clock.SECOND
    while (done := line.done()) < len(tasks) and clock.now() < end:
        bar.show(done)
        clock.sleep(0.4)
    bar.show(done)


def _report(line: Pushed, names: dict[str, str], tasks: list[str]) -> int:
    with ThreadPoolExecutor(8) as threads:
        ends: list[dict[str, Any]] = list(threads.map(line.task, tasks))
    status = {server["id"]: server["status"] for server in line.admin.call("GET", "/api/servers")["servers"]}
    rows: list[tuple[object, ...]] = [("server", "now", "done", "failed attempts")]
    rows += [(name, status.get(server, "-"), *line.figures(server)[:2]) for server, name in names.items()]
    print(table(rows))
    attempts = [end.get("attempt", 1) for end in ends]
    print(f"attempts {sum(attempts)} for {len(ends)} tasks, at most {max(attempts)} for one")
    failed = sum(map(line.failed, ends))
    lost = len(ends) - failed - sum(map(line.completed, ends))
    print(f"failed {failed}\nlost {lost}")
    return 1 if failed or lost else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

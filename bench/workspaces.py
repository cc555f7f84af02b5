"""AWS calls of the code server API's files and git with the rate limiter's, in a workspace with 1, 100 and 1,000
committed files, counted on moto. "Cold" is a process with no list of files and no block of a pack in memory; the other
figures are of a process that has them. The times are CPU times of a pull from `git http-backend` and of a push to it,
without the git server's own."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from bench import requests
from bench.measure import Figure, Section, at_most, silence, table
from chalicelib.apis.codeserver import api
from chalicelib.edge import mount
from chalicelib.engine.workspaces import commits, files, object_store, pull, push, remotes, snapshots
from chalicelib.providers.git.objects import Person
from chalicelib.providers.git.packs import index_received_pack
from tests.support import aws
from tests.support.git_server import GitServer, commit_files, git
from tests.support.world import World, new_world

SIZES = (1, 100, 1_000)
COMMITS = 300
DEV = Person("dev", "dev@example.com")
FILE = "/api/files/{path+}"
BUDGETS = {
    "read a file, cold": 5,
    "read a file": 3,
    "status, cold": 4,
    "status": 3,
    "list": 3,
    "log": 3,
    "write a file": 4,
    "commit of one file, cold": 9,
    "commit of one file": 8,
}


def measure() -> Section:
    calls_by_request: dict[str, list[int]] = {name: [] for name in BUDGETS}
    with silence():
        for size in SIZES:
            with new_world():
                for name, calls in _calls(size):
                    calls_by_request[name].append(calls)
        with tempfile.TemporaryDirectory() as folder, new_world() as world:
            figures = _transfers(world, Path(folder))
    rows = [[name, *map(str, values), str(BUDGETS[name])] for name, values in calls_by_request.items()]
    head = ["request", *(f"{size:,} files" for size in SIZES), "target"]
    judged = [at_most(name, max(values), BUDGETS[name], "calls") for name, values in calls_by_request.items()]
    return Section("Files and git", __doc__, [*judged, *figures], [table(head, rows)])


def _calls(size: int) -> list[tuple[str, int]]:
    app, headers = mount(api), requests.token()
    for number in range(size):
        files.write_file(requests.ORG, f"d{number % 20}/f{number}", b"%d\n" % number)
        if number % 50 == 49 or number == size - 1:
            commits.commit(requests.ORG, "m", DEV)

    def ask(method: str, template: str, body: Any = None, **values: Any) -> Callable[[], Any]:
        event = requests.event(method, template, body, headers=headers, **values)
        return lambda: app(event, None)

    read, status = ask("GET", FILE, path="d0/f0"), ask("GET", "/api/git/status")
    write, commit = ask("POST", FILE, {"content": "x"}, path="d0/f0"), ask("POST", "/api/git/commit", {"message": "m"})
    again = ask("POST", FILE, {"content": "y"}, path="d0/f0")
    status()
    return [
        ("read a file, cold", _count(read, cold=True)),
        ("read a file", _count(read)),
        ("status, cold", _count(status, cold=True)),
        ("status", _count(status)),
        ("list", _count(ask("GET", "/api/files"))),
        ("log", _count(ask("GET", "/api/git/log"))),
        ("write a file", _count(write)),
        ("commit of one file, cold", _count(commit, cold=True)),
        ("commit of one file", (again(), _count(commit))[1]),
    ]


def _count(work: Callable[[], Any], *, cold: bool = False) -> int:
    if cold:
        snapshots._manifests.clear()
        object_store._blocks.clear()
    with aws.counting() as calls:
        answer = work()
    if answer["statusCode"] != 200:
        raise RuntimeError(f"answered with {answer}")
    return calls.total()


def _transfers(world: World, folder: Path) -> list[Figure]:
    """Pull a history of COMMITS commits; then change a hundred files and push them."""
    server = GitServer(folder)
    server.create("a.git")
    git(folder, "clone", "-q", "a.git", "clone")
    random, clone = Random(1), folder / "clone"
    for number in range(COMMITS):
        lines = "".join(f"{random.random()}\n" for _ in range(30))
        commit_files(clone, f"{number}", {f"d{number % 40}/f{number % 100}": lines})
    git(clone, "push", "-q", "origin", "main")
    world.servers["git.example"] = server.reply
    org = requests.ORG
    remotes.set_remote(org, "origin", "https://git.example/a.git", None, None)
    pulled = _cpu_ms(lambda: pull.pull(org, "origin", "main", DEV))
    for number in range(100):
        files.write_file(org, f"d{number % 40}/f{number % 100}", b"%d\n" % number)
    commits.commit(org, "m", DEV)
    pushed = _cpu_ms(lambda: push.push(org, "origin", None))
    [stored] = (folder / "a.git/objects").glob("pack/*.pack") if _repack(folder) else []
    indexed = _cpu_ms(lambda: index_received_pack(stored.read_bytes()))
    objects = int(git(folder / "a.git", "count-objects", "-v").split("in-pack: ")[1].split()[0])
    return [
        Figure(f"pull of {COMMITS} commits", f"{pulled:.0f} ms"),
        Figure("push of one commit of 100 files", f"{pushed:.0f} ms"),
        Figure("check and index of a received pack, for 1,000 objects", f"{indexed / objects * 1_000:.0f} ms"),
    ]


def _repack(folder: Path) -> bool:
    git(folder / "a.git", "gc", "-q")
    return True


def _cpu_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1_000

"""WebSockets of the real stack, with the examples of docs/examples and the document's own code as clients."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import token
from tests.system import node
from tests.system.lines import Lines, running
from tests.system.stack import ORG, PATIENCE, Caller, Stack, wait_until

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SNIPPETS = Path(__file__).parent / "snippets" / "support"


@pytest.fixture
def support(yard: Stack) -> Caller:
    """A caller with high limits, of the org of anonymous callers."""
    return Caller(yard.urls["support"], token("user", ORG, "live", "enterprise"))


@pytest.fixture
def sockets(support: Caller) -> str:
    return support.url.replace("http", "ws")


def python(folder: Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / "worker.py")]


def javascript(folder: Path) -> list[str]:
    found = EXAMPLES / "worker.mjs"
    return ["node", str(node.place_script(found, found.read_text(), folder))]


LANGUAGES = {"Python": (python, 11), "JavaScript": (javascript, 12)}


@pytest.fixture(params=LANGUAGES)
def worker(request: pytest.FixtureRequest, support: Caller, tmp_path: Path) -> tuple[list[str], str, str]:
    """The example's command, the endpoint of its worker, and the worker's number."""
    command, number = LANGUAGES[request.param]
    started = command(tmp_path)
    said = {"worker_id": number, "config": {"max_tasks": 2, "types": ["shout"]}}
    endpoint = support.json("POST", "/workers", said)["endpoint"]
    return started, endpoint, str(number)


def is_connected(support: Caller, number: str) -> bool:
    return any(
        str(one["id"]) == number and one["status"] != "offline" for one in support.json("GET", "/workers")["workers"]
    )


def task(support: Caller, **data: Any) -> str:
    return str(support.json("POST", "/task", {"type": "shout", "data": {"text": "hello"} | data})["task_id"])


def wait_until_ended(support: Caller, identifier: str) -> Any:
    return wait_until(
        lambda: support.json("GET", f"/task/{identifier}"), lambda now: now["status"] in ("completed", "failed")
    )


def wait_until_processing(support: Caller, identifier: str) -> Any:
    return wait_until(lambda: support.json("GET", f"/task/{identifier}"), lambda now: now["status"] == "processing")


def test_a_worker_performs_tasks(support: Caller, worker: tuple[list[str], str, str]) -> None:
    command, endpoint, number = worker
    with running(*command, endpoint):
        wait_until(lambda: is_connected(support, number), bool)
        first, wrong = task(support), task(support, text=7)
        assert wait_until_ended(support, first)["result"] == {"text": "HELLO!"}
        assert wait_until_ended(support, wrong)["status"] == "failed"
    wait_until(lambda: not is_connected(support, number), bool)


def test_a_worker_that_is_killed_and_started_again_is_handed_its_task_again(
    support: Caller, worker: tuple[list[str], str, str]
) -> None:
    command, endpoint, number = worker
    with running(*command, endpoint) as process:
        wait_until(lambda: is_connected(support, number), bool)
        identifier = task(support, seconds=3)
        wait_until_processing(support, identifier)
        process.kill()
        process.wait(PATIENCE)
        wait_until(lambda: not is_connected(support, number), bool)
        # The lease is kept while the silence is short, which it need not be on a slow machine.
        assert support.json("GET", f"/task/{identifier}")["status"] in ("processing", "queued")
    with running(*command, endpoint):
        assert wait_until_ended(support, identifier)["result"] == {"text": "HELLO!"}
    wait_until(lambda: not is_connected(support, number), bool)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unknown_worker_gives_up(sockets: str, tmp_path: Path, language: str) -> None:
    command = LANGUAGES[language][0](tmp_path)
    done = subprocess.run(
        [*command, f"{sockets}/worker/nobody"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (1, "refused: 404")


def run_sentiment_tasks(support: Caller, count: int) -> list[str]:
    """Tasks that Yardmaster performs itself."""
    asked = {"type": "sentiment_analysis", "data": {"text": "Great service!"}}
    task_ids = [str(support.json("POST", "/task", asked)["task_id"]) for _ in range(count)]
    for identifier in task_ids:
        assert wait_until_ended(support, identifier)["status"] == "completed"
    return task_ids


def changes(lines: list[str]) -> list[Any]:
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_a_watcher_that_comes_back_has_missed_nothing(support: Caller, sockets: str) -> None:
    command = (sys.executable, str(EXAMPLES / "watcher.py"), f"{sockets}/tasks/updates", "")
    with running(*command) as process:
        lines = Lines(process)
        lines.read_until(lambda line: line.startswith("watching from"))
        [beacon] = run_sentiment_tasks(support, 1)
        seen = changes(lines.read_until(lambda line: beacon in line and "completed" in line))
    missed = run_sentiment_tasks(support, 3)
    with running(*command, str(seen[-1]["sequence"])) as process:
        lines = Lines(process)
        seen += changes(lines.read_until(lambda line: missed[-1] in line and "completed" in line))
    sequences = [frame["sequence"] for frame in seen]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    last = {frame["task_id"]: frame["status"] for frame in seen}
    assert [last[identifier] for identifier in [beacon, *missed]] == ["completed"] * 4


def script(name: str, address: str, folder: Path) -> Path:
    """The document's own code, unchanged but for the address and the worker's id."""
    text = (SNIPPETS / name).read_text()
    assert text.count("localhost:8000") == 1
    found = folder / name
    return node.place_script(found, text.replace("localhost:8000", address).replace("{worker_id}", "13"), folder)


@pytest.mark.parametrize(("name", "runner"), [("submit.py.txt", sys.executable), ("submit.cjs", "node")])
def test_the_documents_own_code_submits_a_task(support: Caller, tmp_path: Path, name: str, runner: str) -> None:
    found = script(name, support.url.removeprefix("http://"), tmp_path)
    done = subprocess.run([runner, str(found)], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert "task_id" in done.stdout and "accepted" in done.stdout


@pytest.fixture
def node_with_websocket(tmp_path: Path) -> list[str]:
    """Node with a global WebSocket, which the document's code needs."""
    if shutil.which("node") is None:
        pytest.skip("needs node, which is not on this machine")
    return ["node", "--experimental-websocket"]


def test_the_documents_own_worker_is_handed_tasks(
    support: Caller, node_with_websocket: list[str], tmp_path: Path
) -> None:
    support.json("POST", "/workers", {"worker_id": 13, "config": {"types": ["whisper"]}})
    found = script("worker.js", support.url.removeprefix("http://"), tmp_path)
    identifier = support.json("POST", "/task", {"type": "whisper", "data": {}})["task_id"]
    with running(*node_with_websocket, str(found)):
        wait_until_processing(support, identifier)


def test_the_documents_own_watcher_sees_updates(
    support: Caller, node_with_websocket: list[str], tmp_path: Path
) -> None:
    found = script("updates.js", support.url.removeprefix("http://"), tmp_path)
    with running(*node_with_websocket, str(found)) as process:
        lines = Lines(process)
        lines.read_until(lambda line: "watching" in line)
        [identifier] = run_sentiment_tasks(support, 1)
        assert "Task Update:" in "".join(lines.read_until(lambda line: identifier in line))

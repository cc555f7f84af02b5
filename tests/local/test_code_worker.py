"""The code worker beside the stack: started when a model is available, restarted when it dies, ended with the stack."""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chalicelib.engine.security import authentication
from chalicelib.providers import extras
from chalicelib.providers.extras import Extra, ExtraState
from infra.local import CannotRun, code_worker
from infra.local.code_worker import CodeWorker, CodeWorkers

PATIENCE = 30.0
FAKE = """
import json, os, signal, sys
names = ("YARDMASTER_URL", "YARDMASTER_TOKEN", "MODELS", "PYTHONPATH")
path = sys.argv[1]
if sys.argv[2] == "counts": signal.signal(signal.SIGTERM, lambda *_: print("signal", file=open(path, "a"), flush=True))
with open(path, "a") as log: log.write(json.dumps({name: os.environ.get(name) for name in names}) + "\\n")
print("the-id", flush=True)
if sys.argv[2] == "dies" and len(open(path).readlines()) < 3: sys.exit(7)
sys.stdin.read()
"""


class Installed:
    """Says the state of every extra."""

    def __init__(self, *states: ExtraState) -> None:
        self._states = list(states)

    def state(self, extra: Extra) -> ExtraState:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]


@pytest.fixture(autouse=True)
def states() -> Iterator[None]:
    """Restore the source of the extras' states after the test."""
    previous = extras.use(Installed(ExtraState("ready")))
    yield
    extras.use(previous)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def removal_server() -> Iterator[tuple[str, list[str]]]:
    """A code server that only unregisters workers: its URL, and the requested paths."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            assert authentication.verify_token(self.headers["authorization"].removeprefix("Bearer ")).org == "local"
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def running(worker: CodeWorker) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield thread
    finally:
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def command(log: Path, mode: str = "stays") -> tuple[str, ...]:
    return sys.executable, "-c", FAKE, str(log), mode


def wait_for_starts(log: Path, count: int) -> list[dict[str, str]]:
    """The environments of the workers, when this many have started."""
    waited = threading.Event()
    for _ in range(int(PATIENCE * 100)):
        lines = log.read_text().splitlines() if log.exists() else []
        if len(lines) >= count:
            return [json.loads(line) for line in lines]
        waited.wait(0.01)
    raise AssertionError("it did not start")


def test_it_starts_with_what_a_worker_needs_and_ends_with_the_stack(log: Path) -> None:
    with running(CodeWorker("http://h", "[]", command=command(log))):
        [environment] = wait_for_starts(log, 1)
    assert environment["YARDMASTER_URL"] == "http://h" and environment["MODELS"] == "[]"
    assert authentication.verify_token(environment["YARDMASTER_TOKEN"]).org == "local"
    assert Path(environment["PYTHONPATH"], "code_worker", "__main__.py").is_file()


def test_many_that_end_it_send_one_signal(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_worker, "STOP_SECONDS", 1.0)  # the fake does not end by itself
    worker = CodeWorker("http://x", "[]", command=command(log, "counts"))
    with running(worker):
        wait_for_starts(log, 1)
        with ThreadPoolExecutor(9) as threads:
            list(threads.map(lambda _: worker.stop(), range(9)))
    assert log.read_text().count("signal") == 1


def test_one_that_dies_is_started_again_and_its_tasks_are_given_back(
    log: Path, removal_server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(code_worker, "LONGEST_PAUSE_SECONDS", 0.01)
    url, paths = removal_server
    with running(CodeWorker(url, "[]", command=command(log, "dies"))):
        assert len(wait_for_starts(log, 3)) == 3
    assert paths == ["/api/workers/the-id"] * 2
    assert "ended with status 7" in capfd.readouterr().err


def test_it_waits_for_the_model_and_says_so_once(
    log: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(code_worker, "LOOK_SECONDS", 0.01)
    extras.use(
        Installed(ExtraState("missing"), ExtraState("installing"), ExtraState("installing"), ExtraState("ready"))
    )
    with running(CodeWorker("http://h", "[]", "model", command(log))):
        wait_for_starts(log, 1)
    assert capfd.readouterr().err.count("starts when the model is installed") == 1


@pytest.mark.parametrize("state, why", [(ExtraState("failed", "no network"), "no network"), (ExtraState("off"), "off")])
def test_it_does_not_start_where_the_model_will_not_come(
    state: ExtraState, why: str, log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    extras.use(Installed(state))
    CodeWorker("http://h", "[]", "model", command(log)).run()
    assert why in capfd.readouterr().err and not log.exists()


def test_it_does_not_start_without_any_model(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    CodeWorker("http://h", "", command=command(log)).run()
    assert "MODELS" in capfd.readouterr().err and not log.exists()


def test_the_end_of_the_stack_ends_the_waiting(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extras.use(Installed(ExtraState("installing")))
    with running(CodeWorker("http://h", "[]", "model", command(log))):
        pass
    assert not log.exists()


def test_it_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_worker.orgs() == ["local"]
    monkeypatch.setenv("CODE_WORKER", "off")
    assert code_worker.orgs() == []
    monkeypatch.setenv("CODE_WORKER", "maybe")
    with pytest.raises(CannotRun, match="CODE_WORKER"):
        code_worker.orgs()


def test_each_org_of_the_setting_has_a_worker(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODE_WORKER_ORGS", "local, acme,acme")
    workers = CodeWorkers([CodeWorker("http://h", "[]", command=command(log), org=org) for org in code_worker.orgs()])
    workers.announce()
    assert "takes code tasks of local, acme (CODE_WORKER_ORGS" in capsys.readouterr().out
    workers.start()
    try:
        tokens = [environment["YARDMASTER_TOKEN"] for environment in wait_for_starts(log, 2)]
    finally:
        workers.stop()
    assert {authentication.verify_token(token).org for token in tokens} == {"local", "acme"}


@pytest.mark.parametrize("text", ["local,", "a" * 300, ",".join(map(str, range(11)))])
def test_a_setting_without_orgs_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE_WORKER_ORGS", text)
    with pytest.raises(CannotRun, match="CODE_WORKER_ORGS must name"):
        code_worker.orgs()

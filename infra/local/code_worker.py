"""The code workers beside the local stack: clients/code_worker as child processes, which write and run code.

There is one for each org of `CODE_WORKER_ORGS`, because a worker serves one org. They are started after `ready`, once a
model can answer, and started again when they die; until then a code task waits for a worker. `CODE_WORKER=off` leaves
them out.
"""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Unauthenticated
from chalicelib.providers import extras
from chalicelib.providers.extras import ExtraState
from infra.local import CannotRun, switch_of

PACKAGE = Path(__file__).parents[2] / "clients" / "code_worker"
COMMAND = ("nice", "-n", "5", sys.executable, "-m", "code_worker", "--until-stdin-ends")
DEFAULT_ORG = "local"
MAX_ORGS = 10
"""Each has a process of its own."""
TOKEN_SECONDS = 30 * 86_400
LOOK_SECONDS = 1.0
"""Between two looks whether the model is installed."""
LONGEST_PAUSE_SECONDS = 30.0
STOP_SECONDS = 3.0
REQUEST_SECONDS = 5.0


def orgs() -> list[str]:
    """The orgs that get a worker: those of CODE_WORKER_ORGS, none with CODE_WORKER=off. Raises CannotRun."""
    text = os.environ.get("CODE_WORKER_ORGS") or DEFAULT_ORG
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if len(names) > MAX_ORGS:
        raise CannotRun(f"CODE_WORKER_ORGS must name at most {MAX_ORGS} orgs, not {len(names)}.")
    for name in names:
        try:
            authentication.verify_token(_token(name))
        except Unauthenticated:
            raise CannotRun(f"CODE_WORKER_ORGS must name orgs with commas between them, not '{text}'.") from None
    return names if switch_of("CODE_WORKER") else []


class CodeWorkers:
    """The workers of all orgs."""

    def __init__(self, workers: Sequence["CodeWorker"]) -> None:
        self._workers = workers

    def announce(self) -> None:
        """Print whose tasks they take: those of other orgs wait for ever."""
        if self._workers:
            listed = ", ".join(worker.org for worker in self._workers)
            print(f"{'code worker':<12} takes code tasks of {listed} (CODE_WORKER_ORGS names the orgs, with commas)")

    def start(self) -> None:
        """Start each worker when it can work, in threads of their own."""
        for worker in self._workers:
            Thread(target=worker.run, name=f"code worker of {worker.org}", daemon=True).start()

    def stop(self) -> None:
        """End all workers at once, and start no other."""
        with ThreadPoolExecutor(MAX_ORGS) as threads:
            list(threads.map(CodeWorker.stop, self._workers))


class CodeWorker:
    """The worker process of one org, kept alive."""

    def __init__(
        self, url: str, models: str, extra: str = "", command: tuple[str, ...] = COMMAND, org: str = DEFAULT_ORG
    ) -> None:
        """`url` is the code server's, `models` the text of MODELS, `extra` must be installed before a model answers."""
        self._url, self._models, self._extra, self._command, self.org = url, models, extra, command, org
        self._lock = Lock()
        self._ending = Event()
        self._process: subprocess.Popen[str] | None = None
        self._worker_id = ""

    def run(self) -> None:
        """Keep a worker alive until `stop`."""
        if not self._models:
            self._print("not started: there is no model. Set MODELS, or do not set MODEL=off")
        elif self._wait_for_model():
            self._keep_alive()

    def stop(self) -> None:
        """End the worker, and start no other. Each server of the stack calls it; a worker leaves at the first signal,
        and ends at a second one without having left."""
        with self._lock:
            is_first = not self._ending.is_set()
            self._ending.set()
            process = self._process
        if process is not None:
            if is_first:
                process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()

    def _wait_for_model(self) -> bool:
        """Whether the extra of the model is there in the end."""
        is_announced = False
        while self._extra and (state := extras.get_state(self._extra)).phase != "ready":
            if state.phase in ("failed", "off"):
                self._print(f"not started: the model is not installed: {_state_text(state)}")
                return False
            if not is_announced:
                self._print("starts when the model is installed; code tasks wait for it")
                is_announced = True
            if self._ending.wait(LOOK_SECONDS):
                return False
        return True

    def _keep_alive(self) -> None:
        pause = 1.0
        while (status := self._run_once()) is not None:
            self._print(f"ended with status {status}; it is started again in {pause:.0f} s")
            if self._ending.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _run_once(self) -> int | None:
        """Run a worker to its end; returns its status, or None when the stack ends."""
        with self._lock:
            if self._ending.is_set():
                return None
            self._process = self._popen()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._worker_id = line.strip()
        status = self._process.wait()
        self._process.communicate()
        if self._ending.is_set():
            return None
        self._unregister()
        return status

    def _popen(self) -> "subprocess.Popen[str]":
        environment = {
            "YARDMASTER_URL": self._url,
            "YARDMASTER_TOKEN": _token(self.org),
            "MODELS": self._models,
            "WORKER_NAME": "code-worker of make run",
            "GRACE_SECONDS": "1",
            "PYTHONPATH": str(PACKAGE),
        }
        pipe = subprocess.PIPE
        # In a session of its own, so that Ctrl-C is for the stack, which ends it in order.
        return subprocess.Popen(
            self._command, env=os.environ | environment, stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )

    def _unregister(self) -> None:
        """Have the dead worker's tasks given to the next one now, and not after its silence."""
        if not self._worker_id:
            return
        url = f"{self._url}/api/workers/{self._worker_id}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {_token(self.org)}"}, method="DELETE")
        with suppress(OSError), urllib.request.urlopen(request, timeout=REQUEST_SECONDS):
            pass
        self._worker_id = ""

    def _print(self, text: str) -> None:
        print(f"{'code worker':<12} of {self.org}: {text}", file=sys.stderr, flush=True)


def _token(org: str) -> str:
    return authentication.issue_token(Principal(org, "code-worker", "admin", "enterprise"), TOKEN_SECONDS)


def _state_text(state: ExtraState) -> str:
    return state.reason or state.phase

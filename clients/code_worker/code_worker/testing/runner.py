"""Run the tests of a task in the sandbox, text by text, and collect their outcomes."""

import atexit
import json
import logging
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from code_worker.sandbox import interpreters, pods, seccomp
from code_worker.sandbox.bubblewrap import INSIDE_AT, Bubblewrap
from code_worker.sandbox.interpreters import Interpreter
from code_worker.settings import Settings
from code_worker.testing.outcomes import MAX_OUTPUT_CHARACTERS, MAX_TESTS, Outcome, Source, Verdict

logger = logging.getLogger("code_worker")

PYTHON_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inside.__main__ import main; main()"
PARENT = str(Path(INSIDE_AT).parent)
FIFO_FOLDER = "/tmp"  # noqa: S108 - the pod's own
NEEDED = ("/usr/bin/prlimit", "/usr/bin/setpriv", "/usr/bin/mkfifo", "/usr/bin/sh")
OWN_TEST = {
    "python": re.compile(r"^(?:async )?def (test\w*)\(\s*\)", re.MULTILINE),
    "javascript": re.compile(r"^(?:export )?(?:async )?function (test\w*)\(\s*\)", re.MULTILINE),
}
MAX_TEXTS = 50
MAX_NOTES = 5
MAX_NOTE_CHARACTERS = 300
MAX_TEST_MS = 3_600_000.0
PROBE_SECONDS = 20.0


@dataclass(frozen=True)
class Language:
    """How to run code of one language: the interpreter, and the arguments of the programs of `inside`."""

    interpreter: Interpreter
    start: tuple[str, ...]

    def arguments(self, program: str) -> list[str]:
        """The interpreter's arguments that start a program of `inside`."""
        return [*self.start, program, *([FIFO_FOLDER] if program != "program" else [])]


@dataclass
class Counted:
    """The outcomes, output and notes collected so far."""

    tests: list[Verdict] = field(default_factory=list)
    milliseconds: float = 0.0
    output: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Runner:
    """Runs tests. `unavailable` says why no code can be run; it is empty if code can be run."""

    def __init__(self, bubblewrap: Bubblewrap | None, languages: dict[str, Language], unavailable: str) -> None:
        self._bubblewrap, self._languages, self.unavailable = bubblewrap, languages, unavailable

    @classmethod
    async def prepare(cls, settings: Settings) -> "Runner":
        """Find the languages that work by running a test in each. Raises Misconfigured."""
        missing = _missing(settings)
        if missing:
            return cls._without(missing)
        languages = {"python": Language(await interpreters.python(settings.python), ("-c", PYTHON_START, PARENT))}
        node = interpreters.node(settings.node, settings.limits.memory_mb)
        if node is not None:
            languages["javascript"] = Language(node, (f"{INSIDE_AT}/main.cjs",))
        bubblewrap = Bubblewrap(_program("bwrap"), _filter_file(), settings.limits)
        failure = await _probe(bubblewrap, languages["python"])
        if failure:
            return cls._without(failure)
        return cls(bubblewrap, languages, "")

    @classmethod
    def _without(cls, reason: str) -> "Runner":
        logger.warning("No code is run: %s", reason)
        return cls(None, {}, reason)

    async def test(self, language: str, code: str, caller: list[str], model: list[str], seconds: float) -> Outcome:
        """Run the caller's and the model's tests for up to `seconds`. Without tests, run the code once."""
        if self._bubblewrap is None:
            return Outcome(note=f"No code was run: {self.unavailable}.")
        if language not in self._languages:
            known = " and ".join(sorted(self._languages))
            return Outcome(note=f"No code was run: this worker can run {known}, not {language}.")
        run = _Run(self._bubblewrap, self._languages[language], code, seconds)
        own = OWN_TEST[language].findall(code) if language in OWN_TEST else []
        texts: list[tuple[Source, str, Sequence[str]]] = [("caller", text, ()) for text in caller]
        texts += [("model", text, ()) for text in model]
        if own:
            texts.append(("model", "", own))
        if not texts:
            return await run.program()
        for source, text, names in texts[:MAX_TEXTS]:
            await run.tests(source, text, names)
        return run.outcome(len(texts) - MAX_TEXTS)


class _Run:
    """The tests of one task."""

    def __init__(self, bubblewrap: Bubblewrap, language: Language, code: str, seconds: float) -> None:
        self._bubblewrap, self._language, self._code = bubblewrap, language, code
        self._limits = bubblewrap.limits
        self._ends = time.monotonic() + min(seconds, self._limits.total_seconds)
        self._counted = Counted()

    async def tests(self, source: Source, text: str, own: Sequence[str]) -> None:
        """Run the tests of one text."""
        report = _JudgeReport()
        interpreter, arguments = self._language.interpreter, self._language.arguments
        script = self._bubblewrap.pair(interpreter, arguments("judge"), arguments("subject"))
        end = await self._pod(script, {"code": self._code, "tests": text, "own": list(own)}, report)
        self._counted.tests += report.tests(source, end.reason)
        self._counted.milliseconds += report.milliseconds if report.has_ended else end.seconds * 1000
        self._counted.output.append(end.output)
        self._counted.notes += report.notes

    async def program(self) -> Outcome:
        """Run the code as a script."""
        script = self._bubblewrap.single(self._language.interpreter, self._language.arguments("program"))
        end = await self._pod(script, {"code": self._code}, _JudgeReport())
        how = f"was ended because {end.reason}" if end.reason else f"ended with exit code {end.status}"
        note = f"There were no tests. The code was run once and {how}."
        return Outcome([], round(end.seconds * 1000), end.output[:MAX_OUTPUT_CHARACTERS], note)

    def outcome(self, left_out: int) -> Outcome:
        """The outcome of all tests."""
        tests, output = self._counted.tests, "".join(self._counted.output)
        notes = list(dict.fromkeys(self._counted.notes))[:MAX_NOTES]
        if left_out > 0:
            notes.append(f"{left_out} texts of tests were not run: more than {MAX_TEXTS}.")
        if len(tests) > MAX_TESTS:
            notes.append(f"{len(tests) - MAX_TESTS} tests are not listed: more than {MAX_TESTS}.")
        if len(output) > MAX_OUTPUT_CHARACTERS:
            notes.append(f"The output was cut after {MAX_OUTPUT_CHARACTERS} characters.")
        time_ms = round(self._counted.milliseconds)
        return Outcome(tests[:MAX_TESTS], time_ms, output[:MAX_OUTPUT_CHARACTERS], " ".join(notes))

    async def _pod(self, script: str, stdin_content: dict[str, Any], report: "_JudgeReport") -> pods.PodEnd:
        seconds = min(self._limits.seconds, self._ends - time.monotonic())
        if seconds <= 0:
            return pods.PodEnd(-1, "all tests together took too long", "", 0.0)
        command = self._bubblewrap.pod(self._language.interpreter, script)
        return await pods.run(command, json.dumps(stdin_content).encode(), self._limits, seconds, report.line)


class _JudgeReport:
    """The judge's report on the tests of one text."""

    def __init__(self) -> None:
        self._plan: list[str] = []
        self._ended: list[dict[str, Any]] = []
        self._reason = ""
        self.notes: list[str] = []
        self.has_ended = False
        self.milliseconds = 0.0

    def line(self, text: bytes) -> None:
        """Add a line of the judge. The caller's tests run in the judge's process, so that the line may be anything."""
        try:
            message = json.loads(text)
            if not isinstance(message, dict):
                return
            if "plan" in message:
                self._plan = [str(name) for name in message["plan"]][: MAX_TESTS * 2]
            elif "note" in message:
                self.notes.append(str(message["note"])[:MAX_NOTE_CHARACTERS])
            elif "end" in message:
                self.has_ended, self._reason = True, str(message["end"])
            elif len(self._ended) < MAX_TESTS * 2:
                milliseconds = float(message.get("ms", 0.0))
                self.milliseconds += milliseconds if 0 <= milliseconds <= MAX_TEST_MS else 0.0
                self._ended.append(message)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return

    def tests(self, source: Source, reason: str) -> list[Verdict]:
        """The verdicts of all tests of the text: finished ones, and those that the pod's end interrupted."""
        finished = [_test(message, source) for message in self._ended if not message.get("skipped")]
        names = [str(message.get("test")) for message in self._ended]
        unfinished = list(self._plan or ([] if self.has_ended else ["test"]))
        for name in names:
            if name in unfinished:
                unfinished.remove(name)
        why = self._reason or reason or "the process of the tests ended"
        return finished + [Verdict(name, source, False, f"not finished: {why}") for name in unfinished]


def _test(message: dict[str, Any], source: Source) -> Verdict:
    return Verdict(str(message.get("test")), source, message.get("passed") is True, str(message.get("error") or ""))


def _missing(settings: Settings) -> str:
    """What the sandbox needs and this machine does not have; empty if nothing is missing."""
    if not settings.sandbox:
        return "the setting SANDBOX is off"
    if platform.system() != "Linux" or seccomp.filter_for() is None:
        return f"there is no sandbox for {platform.system()} on {platform.machine()}"
    if not _program("bwrap"):
        return "bubblewrap (bwrap) is not installed on the worker's machine"
    absent = [name for name in NEEDED if not os.access(name, os.X_OK)]
    return f"{', '.join(absent)} is missing on the worker's machine" if absent else ""


def _program(name: str) -> str:
    """The program's path in the system's own folders; empty if it is not there."""
    candidates = (f"{folder}/{name}" for folder in ("/usr/bin", "/usr/local/bin"))
    return next((path for path in candidates if os.access(path, os.X_OK)), "")


def _filter_file() -> Path:
    """Create the file with the filter of system calls, which pods mount. It is removed when the process ends."""
    program = seccomp.filter_for()
    assert program is not None
    folder = Path(tempfile.mkdtemp(prefix="code-worker-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "filter").write_bytes(program)
    return folder / "filter"


async def _probe(bubblewrap: Bubblewrap, language: Language) -> str:
    """Run a test in the sandbox. Returns why it fails; empty if it passes."""
    runner = Runner(bubblewrap, {"python": language}, "")
    outcome = await runner.test("python", "def one(): return 1", ["assert one() == 1"], [], PROBE_SECONDS)
    if [test.passed for test in outcome.tests] == [True]:
        return ""
    logger.warning("The sandbox's own test failed: %s %s", outcome.tests, outcome.output)
    return "bubblewrap (bwrap) does not work on the worker's machine"

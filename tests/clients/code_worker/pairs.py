"""Judge and subject as two plain processes without a sandbox, to test their protocol quickly."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import code_worker

PACKAGE = Path(code_worker.__file__).parent
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from inside.__main__ import main; main()"
PATIENCE = 30.0


@dataclass
class Judged:
    """The judge's report, and the output of the judge's and the code's process."""

    lines: list[dict[str, Any]]
    output: str
    output_of_code: str

    @property
    def plan(self) -> list[str]:
        return [line["plan"] for line in self.lines if "plan" in line][-1]

    @property
    def passed(self) -> list[bool]:
        return [line["passed"] for line in self.lines if "passed" in line]

    @property
    def errors(self) -> list[str]:
        return [line["error"] for line in self.lines if line.get("error")]

    @property
    def end(self) -> str | None:
        return next((line["end"] for line in self.lines if "end" in line), None)


def start(language: str, name: str, folder: str, stdin_content: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """Start one of the two processes. Its output goes to the file `NAME.out`, file 3 to `NAME.told`."""
    python = [sys.executable, "-I", "-S", "-c", START, str(PACKAGE)]
    command = python if language == "python" else ["node", "--no-warnings", str(PACKAGE / "inside" / "main.cjs")]
    files = f">{name}.out 2>&1 3>{name}.told" if name == "judge" else f">{name}.out 2>&1"
    script = f"exec {shlex.join([*command, name, folder])} {files}"
    process = subprocess.Popen(["sh", "-c", script], cwd=folder, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(stdin_content).encode())
    process.stdin.close()
    return process


def judge(code: str, tests: str, own: tuple[str, ...] = (), language: str = "python") -> Judged:
    """Run these tests of this code, and return the outcome."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for fifo in (".to-code", ".from-code"):
            os.mkfifo(folder / fifo)
        request = {"code": code, "tests": tests, "own": list(own)}
        with start(language, "subject", name, {}) as subject, start(language, "judge", name, request) as judging:
            try:
                judging.wait(PATIENCE)
                subject.wait(PATIENCE)
            finally:
                judging.kill()
                subject.kill()
        told = (folder / "judge.told").read_text().splitlines()
        printed = [(folder / f"{each}.out").read_text(errors="replace") for each in ("judge", "subject")]
        return Judged([json.loads(line) for line in told], *printed)

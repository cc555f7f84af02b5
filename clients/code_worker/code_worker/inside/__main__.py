"""Starts a program of the sandbox: `judge FOLDER`, `subject FOLDER` or `program`. The folder has the two pipes.

`judge` reads its request from stdin, writes its report to file 3, and prints what tests print. `program`
reads `{"code": text}` from stdin and runs it as a script.
"""

from __future__ import annotations

import json
import os
import sys
import time
import types

from .wire import End

REPORT_FD = 3
"""The file descriptor to which the judge writes its report."""
TO_CODE, FROM_CODE = ".to-code", ".from-code"
START_SECONDS = 10.0


def main() -> None:
    """Run the program that the command line names."""
    name, *folder = sys.argv[1:]
    if name == "program":
        _program()
    elif name == "subject":
        from . import subject

        # In this order: once the judge can write, the code can as well.
        writing = os.open(f"{folder[0]}/{FROM_CODE}", os.O_WRONLY)
        subject.main(End(os.open(f"{folder[0]}/{TO_CODE}", os.O_RDONLY), writing))
    else:
        from . import judge

        os.set_inheritable(REPORT_FD, False)
        judge.main(_judges_end(folder[0]), os.fdopen(REPORT_FD, "w", encoding="utf-8"))


def _program() -> None:
    """Run the code as a script."""
    code = json.load(sys.stdin)["code"]
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    exec(compile(code, "solution.py", "exec", dont_inherit=True), module.__dict__)


def _judges_end(folder: str) -> End:
    """Open the judge's end of the pipes after the subject has opened the other one, and remove the pipes' names."""
    names = [f"{folder}/{name}" for name in (FROM_CODE, TO_CODE)]
    reading = os.open(names[0], os.O_RDONLY | os.O_NONBLOCK)
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            writing = os.open(names[1], os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.002)
    for fd in (reading, writing):
        os.set_blocking(fd, True)
    for name in names:
        os.unlink(name)
    return End(reading, writing)


if __name__ == "__main__":
    main()

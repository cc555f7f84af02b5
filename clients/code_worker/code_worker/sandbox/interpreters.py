"""The interpreters that can run code in the sandbox, and the folders that each needs."""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from code_worker.errors import Misconfigured

INSIDE = Path(__file__).parent.parent / "inside"
ASK_SECONDS = 20.0


@dataclass(frozen=True)
class Interpreter:
    """A program that runs code: its command in the sandbox, and the `folders` that it needs besides /usr."""

    program: tuple[str, ...]
    folders: tuple[str, ...]
    virtual_memory_mb: int = 0
    """Address space that it reserves without using it."""


async def python(path: str) -> Interpreter:
    """Find the Python at `path`, with its packages; without a path, this process's own with only the standard library.

    Raises Misconfigured.
    """
    if not path:
        program = os.path.realpath(sys.executable)
        return Interpreter((program, "-I", "-S", "-B", "-X", "utf8"), _outside_usr(sys.base_prefix))
    script = "import sys; print(sys.executable, sys.prefix, sys.base_prefix, sys.version_info >= (3, 10), sep='\\n')"
    try:
        probe = await asyncio.create_subprocess_exec(path, "-I", "-c", script, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(probe.communicate(), ASK_SECONDS)
        program, *prefixes, is_new = out.decode().split("\n")[:4]
    except (OSError, ValueError, TimeoutError) as error:
        raise Misconfigured(f"SANDBOX_PYTHON is no Python that runs ({type(error).__name__})") from None
    if is_new != "True":
        raise Misconfigured("SANDBOX_PYTHON must be Python 3.10 or newer")
    real = str(Path(os.path.realpath(program)).parent.parent)
    return Interpreter((program, "-I", "-B", "-X", "utf8"), _outside_usr(*prefixes, real))


def node(path: str, memory_mb: int) -> Interpreter | None:
    """Find the Node.js at `path`, or the one on this machine; None if there is none. Raises Misconfigured."""
    interpreter = shutil.which(path or "node")
    if interpreter is None:
        if path:
            raise Misconfigured("SANDBOX_NODE is no program")
        return None
    program = os.path.realpath(interpreter)
    options = ("--no-warnings", f"--max-old-space-size={memory_mb * 3 // 4}")
    return Interpreter((program, *options), _outside_usr(str(Path(program).parent.parent)), virtual_memory_mb=2048)


def _outside_usr(*folders: str) -> tuple[str, ...]:
    """The distinct folders outside /usr."""
    return tuple(dict.fromkeys(each for each in folders if not Path(each).is_relative_to("/usr")))

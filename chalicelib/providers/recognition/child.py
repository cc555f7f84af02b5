"""The process that decodes and recognises: `python -m chalicelib.providers.recognition.child MODULE:FACTORY`.

It reads jobs from standard input and writes answers to standard output, each behind its length. It ends when its input
ends, and by SIGXCPU when one job takes more CPU time than its message allows.
"""

import importlib
import json
import os
import resource
import struct
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from chalicelib.errors import InvalidRequest, TooLarge, Unavailable
from chalicelib.observability import logger
from chalicelib.providers.recognition import jobs

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Recognizer

HEAD = struct.Struct("!II")
"""Of a job: the CPU seconds that it may take, and the length of its message."""
LENGTH = struct.Struct("!I")
"""Of an answer: the length of its message."""
MAX_MEMORY_BYTES = 2 * 1024**3 + 32 * 1024**2 * (os.cpu_count() or 1)
"""That this process may ask for: a file of some kilobytes can name tables of gigabytes. With all engines loaded the
largest images take 1.6 GB; libraries reserve some for each processor."""
TOO_MUCH_MEMORY = "The file needs more memory to be decoded than there is for one"
CANNOT_BE_PROCESSED = "The engine cannot process the file"
STATM = Path("/proc/self/statm")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def main(factory: str) -> None:
    """Answer jobs until the input ends."""
    answers = _take_standard_output()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    module, _, name = factory.partition(":")
    recognizer: Recognizer = getattr(importlib.import_module(module), name)()
    _write(answers, {"ready": True})
    while head := sys.stdin.buffer.read(HEAD.size):
        cpu_seconds, length = HEAD.unpack(head)
        message = sys.stdin.buffer.read(length)
        _allow_cpu(cpu_seconds)
        _write(answers, _answer(message, recognizer) | {"resident_bytes": _resident_bytes()})


def _take_standard_output() -> IO[bytes]:
    """The pipe to the parent. What libraries print goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _answer(message: bytes, recognizer: "Recognizer") -> dict[str, Any]:
    try:
        return jobs.pack_answer(jobs.perform(jobs.unpack_job(message), recognizer))
    except (InvalidRequest, TooLarge, Unavailable) as error:
        return jobs.pack_refusal(error)
    except MemoryError:
        return jobs.pack_refusal(TooLarge(TOO_MUCH_MEMORY))
    except Exception as error:  # noqa: BLE001 - engines raise nearly anything for images that they do not expect
        logger().error("A recogniser failed", exc_info=error)
        return {"failed": CANNOT_BE_PROCESSED}


def _limit_memory() -> None:
    """Have requests for memory fail beyond MAX_MEMORY_BYTES."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, MAX_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _allow_cpu(seconds: int) -> None:
    """End this process once it has used so many more seconds of CPU; 0 allows any."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used, hard = usage.ru_utime + usage.ru_stime, resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + seconds + 1 if seconds else hard, hard))


def _resident_bytes() -> int:
    """The memory that this process occupies now."""
    return int(STATM.read_text().split()[1]) * PAGE_BYTES


def _write(answers: IO[bytes], message: dict[str, Any]) -> None:
    text = json.dumps(message).encode()
    answers.write(LENGTH.pack(len(text)) + text)
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])

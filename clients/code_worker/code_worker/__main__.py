"""`python -m code_worker`: run one worker until SIGTERM or SIGINT. README.md lists the settings.

With `--until-stdin-ends` it also ends when its stdin ends, and so when its parent process dies. Each time it registers,
it prints its new id.
"""

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress

from code_worker.attempt import Attempts
from code_worker.connection import Connection
from code_worker.errors import Misconfigured
from code_worker.models.generation import Generator
from code_worker.settings import Settings, from_environment
from code_worker.testing.runner import Runner
from code_worker.worker import Worker
from code_worker.yardmaster import Registration, Unreachable, Yardmaster

logger = logging.getLogger("code_worker")


def main() -> int:
    """Run until a signal, and return the exit status. A second signal ends the process at once."""
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "INFO").upper(), format="code-worker  %(message)s", stream=sys.stderr
    )
    try:
        asyncio.run(run(from_environment()))
    except Misconfigured as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then finish the running tasks, or return them. Raises Misconfigured."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, ended)
    if "--until-stdin-ends" in sys.argv[1:]:
        loop.add_reader(sys.stdin.fileno(), _on_stdin, ended)
    yardmaster = Yardmaster(settings.url, settings.token)

    async def register() -> Registration:
        registration = await yardmaster.register(
            settings.name, settings.languages, settings.max_concurrent, runs_tests=not tester.unavailable
        )
        print(registration.id, flush=True)  # noqa: T201
        return registration

    connection = Connection(register, settings.token)
    tester = await Runner.prepare(settings)
    worker = Worker(Attempts(settings.models, Generator(settings.first_seconds), tester), connection.send)
    serving = asyncio.create_task(connection.run(worker))
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.is_set():
        waiting.cancel()
        await worker.stop()
        serving.result()  # raises what ended it
    await _leave(worker, connection, yardmaster, settings.grace_seconds)
    serving.cancel()
    with suppress(asyncio.CancelledError, Misconfigured):
        await serving


def _on_signal(ended: asyncio.Event) -> None:
    if ended.is_set():
        os._exit(1)
    ended.set()


def _on_stdin(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        ended.set()


async def _leave(worker: Worker, connection: Connection, yardmaster: Yardmaster, seconds: float) -> None:
    """Finish running tasks for up to `seconds`. Unregistering returns the others to Yardmaster."""
    logger.info("Leaving: %d tasks are in work", worker.running)
    await worker.drain(seconds)
    if connection.registration is not None:
        with suppress(Unreachable, Misconfigured):
            await yardmaster.unregister(connection.registration.id)


if __name__ == "__main__":
    sys.exit(main())

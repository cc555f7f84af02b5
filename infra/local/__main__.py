"""`python -m infra.local`: everything on this machine, until Ctrl-C.

PORT_<API> moves an API to another port, SWEEP_SECONDS sets how often what is due is looked for (60), LOG_LEVEL how much
is logged to stderr (WARNING).
"""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

# Before anything that reads them is imported.
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "true")

from infra.local import run
from infra.local.server import SIGNALS, PortTaken


def main() -> int:
    """Run until a signal; the process's exit status."""
    for number in SIGNALS:
        signal.signal(number, _leave)
    try:
        run.run()
    except PortTaken as taken:
        print(taken, file=sys.stderr)
        return 1
    return 0


def _leave(_: int, __: FrameType | None) -> None:
    """A signal before the servers are up, or while they go down."""
    sys.exit(0)


if __name__ == "__main__":
    status = 0
    with suppress(SystemExit):
        status = main()
    sys.stdout.flush()
    # A thread may still wait for a slow server's answer: nobody needs it any more, and it must not hold up the end.
    os._exit(status)

"""`python -m infra.local`: everything on this machine, until Ctrl-C.

PORT_<API> moves an API to another port, SWEEP_SECONDS sets how often what is due is looked for (60), LOG_LEVEL how much
is logged to stderr (WARNING). OPEN_APIS names the APIs that let in callers without a token (those whose documents' own
examples send none). docs/reference/settings.md has all of them.
"""

import os
import signal
import sys
from contextlib import suppress

DEFAULTS = {
    "LOG_LEVEL": "WARNING",
    "OPEN_APIS": "coordinator,messenger,support,surveys,projects.live",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


def main() -> int:
    """Run until a signal; the process's exit status."""
    # Both before anything else is imported: the one is read on import, and the other may be needed meanwhile.
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    from chalicelib.config import Misconfigured
    from infra.local import CannotRun
    from infra.local.run import run

    try:
        run()
    except (CannotRun, Misconfigured) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    status = 0
    with suppress(SystemExit):
        status = main()
    sys.stdout.flush()
    # A thread may still wait for a slow server's answer: nobody needs it any more, and it must not hold up the end.
    os._exit(status)

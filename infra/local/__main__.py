"""`python -m infra.local`: run the local stack until Ctrl-C.

PORT_<API> moves an API to another port. SWEEP_SECONDS is the time between two sweeps (60). LOG_LEVEL is the level of
the log on stderr (WARNING). OPEN_APIS names the APIs that admit callers without a token; the default are those whose
documents' examples send none. docs/reference/settings.md has all settings.
"""

import os
import signal
import sys
from contextlib import suppress

DEFAULTS = {
    "CMS_ORG": "local",
    "LOG_LEVEL": "WARNING",
    "OPEN_APIS": "codeserver,coordinator,messenger,recognition,support,surveys,projects.live",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


def main() -> int:
    """Run until SIGINT or SIGTERM; returns the process's exit status."""
    # Before the other imports: they read the environment, and a signal may arrive while they run.
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
    # End even if a thread still waits for a slow server's answer.
    os._exit(status)

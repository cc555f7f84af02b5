"""`python -m tests.support.patient_stack`: the local stack, in which a wait for a task's end does not time out.

Only the test's actions end a wait, not the clock.
"""

import runpy
from functools import partial

from chalicelib.engine.tasks import completion_wait

ONE_DAY_SECONDS = 86_400.0

if __name__ == "__main__":
    completion_wait.wait_until_ended = partial(completion_wait.wait_until_ended, seconds=ONE_DAY_SECONDS)
    runpy.run_module("infra.local", run_name="__main__", alter_sys=True)

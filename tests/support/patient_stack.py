"""`python -m tests.support.patient_stack`: the local stack, in which a wait for a task's end lasts up to a day.

So a wait in a slow test ends with the task, not with a timeout.
"""

import runpy
from functools import partial

from chalicelib.engine.tasks import completion_wait

ONE_DAY_SECONDS = 86_400.0

if __name__ == "__main__":
    completion_wait.wait_until_ended = partial(completion_wait.wait_until_ended, seconds=ONE_DAY_SECONDS)
    runpy.run_module("infra.local", run_name="__main__", alter_sys=True)

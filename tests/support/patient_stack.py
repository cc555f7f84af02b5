"""`python -m tests.support.patient_stack`: the local stack, in which a wait for a task's end never runs out by itself.

What ends a wait there is what a test does, and no clock.
"""

import runpy
from functools import partial

from chalicelib.engine.tasks import completion_wait

FOR_EVER = 86_400.0

if __name__ == "__main__":
    completion_wait.wait_until_ended = partial(completion_wait.wait_until_ended, seconds=FOR_EVER)
    runpy.run_module("infra.local", run_name="__main__", alter_sys=True)

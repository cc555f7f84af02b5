"""Which step carries out each kind of chore. The one table of it."""

from chalicelib.engine.chores import Steps

STEPS: Steps = {}

"""Which step carries out each kind of chore. The one table of it."""

from chalicelib.engine import agents
from chalicelib.engine.chores import Steps

STEPS: Steps = {
    agents.CHORE: agents.let_go,
}

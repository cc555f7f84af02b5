"""Which step carries out each kind of chore. The one table of it."""

from chalicelib.engine import agents, redelivery
from chalicelib.engine.chores import Steps

STEPS: Steps = {
    agents.CHORE: agents.let_go,
    redelivery.RECOVERY: redelivery.recovery,
}

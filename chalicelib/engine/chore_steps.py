"""Which step carries out each kind of chore. The one table of it."""

from chalicelib.engine import agents, attachments, departures, histories, projects, redelivery, users
from chalicelib.engine.chores import Chore, Steps
from chalicelib.engine.members import PROJECT


def _agent_gone(chore: Chore) -> bool:
    return projects.forget_agent(chore.org, chore.subject) and agents.let_go(chore)


def _task_gone(chore: Chore) -> bool:
    return attachments.clear(chore) and histories.forget(chore.org, chore.subject)


STEPS: Steps = {
    agents.CHORE: _agent_gone,
    PROJECT: projects.clear,
    "task": _task_gone,
    users.CHORE: departures.clear,
    redelivery.RECOVERY: redelivery.recovery,
}

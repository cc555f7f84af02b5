"""Which step carries out each kind of chore. The one table of it."""

from chalicelib.engine.accounts import user_cleanup, users
from chalicelib.engine.documents.background_jobs import Job, Steps
from chalicelib.engine.projects import agents, attachments, projects
from chalicelib.engine.projects.members import PROJECT
from chalicelib.engine.tasks import history
from chalicelib.engine.webhooks import retries


def _clean_up_agent(chore: Job) -> bool:
    return projects.remove_agent(chore.org, chore.subject) and agents.unassign_tasks(chore)


def _clean_up_task(chore: Job) -> bool:
    return attachments.clear_task(chore) and history.delete_entries(chore.org, chore.subject)


JOB_STEPS: Steps = {
    agents.JOB_KIND: _clean_up_agent,
    PROJECT: projects.clear_project,
    "task": _clean_up_task,
    users.CHORE: user_cleanup.clear,
    retries.RECOVERY: retries.recovery,
}

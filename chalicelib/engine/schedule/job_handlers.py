"""The function that runs a step of each kind of background job."""

from chalicelib.engine.accounts import user_cleanup, users
from chalicelib.engine.documents.background_jobs import Job, Steps
from chalicelib.engine.projects import agents, attachments, projects
from chalicelib.engine.projects.members import PROJECT
from chalicelib.engine.tasks import history
from chalicelib.engine.webhooks import redelivery


def _clean_up_agent(job: Job) -> bool:
    return projects.remove_agent(job.org, job.subject) and agents.unassign_tasks(job)


def _clean_up_task(job: Job) -> bool:
    return attachments.clear_task(job) and history.delete_entries(job.org, job.subject)


JOB_STEPS: Steps = {
    agents.JOB_KIND: _clean_up_agent,
    PROJECT: projects.clear_project,
    "task": _clean_up_task,
    users.CLEANUP_JOB: user_cleanup.run_step,
    redelivery.RECOVERY: redelivery.run_recovery_step,
}

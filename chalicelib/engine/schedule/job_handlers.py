"""The step of each kind of background job, and what follows from the end of a pool's tasks."""

from collections.abc import Callable, Mapping

from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.tasks.task import Task
from chalicelib.engine import bulk_operations, code_tasks, content_tasks
from chalicelib.engine.accounts import user_cleanup, users
from chalicelib.engine.contents import contents, publication
from chalicelib.engine.conversations import conversations, replies
from chalicelib.engine.documents.background_jobs import Job, Steps
from chalicelib.engine.orchestration import endings
from chalicelib.engine.projects import agents, attachments, projects
from chalicelib.engine.projects.members import PROJECT
from chalicelib.engine.tasks import history
from chalicelib.engine.training import exports, trained_models
from chalicelib.engine.webhooks import redelivery
from chalicelib.engine.workspaces import publishing, repack
from chalicelib.storage.tasks import tasks as task_storage


def _clean_up_agent(job: Job) -> bool:
    return projects.remove_agent(job.org, job.subject) and agents.unassign_tasks(job)


def _clean_up_task(job: Job) -> bool:
    if task_storage.find(job.subject) is not None:
        return True  # created again under its Idempotency-Key: what is there is its own
    return attachments.clear_task(job) and history.delete_entries(job.org, job.subject)


JOB_STEPS: Steps = {
    agents.JOB_KIND: _clean_up_agent,
    PROJECT: projects.clear_project,
    "task": _clean_up_task,
    users.CLEANUP_JOB: user_cleanup.run_step,
    contents.PUBLISH_JOB: publication.run_step,
    conversations.KIND: conversations.clear_conversation,
    replies.JOB_KIND: replies.request_reply,
    redelivery.RECOVERY: redelivery.run_recovery_step,
    exports.JOB_KIND: exports.run_step,
    trained_models.CLEANUP_JOB: trained_models.run_cleanup,
    bulk_operations.JOB_KIND: bulk_operations.run_step,
    publishing.REPACK_JOB: repack.run_step,
    repack.CLEANUP_JOB: repack.run_cleanup,
}

TASK_ENDS: Mapping[str, Callable[[Task], None]] = {
    content_tasks.POOL: content_tasks.cancel_workflow,
    EXECUTIONS_POOL: endings.finish,
}
"""What follows from the end of a task, by its pool. Again it changes nothing."""

REPLY_TEXTS: Mapping[str, Callable[[Task], str]] = {code_tasks.TYPE: code_tasks.read_answer}
"""What a task of a type says at its end to those who asked for it; a chat task says its result."""

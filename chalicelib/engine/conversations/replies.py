"""Models answer messages: a chat task of the engine for each, whose result becomes one message of the assistant.

A background job, which is written with the message, submits the task. The ended task stays due until its reply is in
the conversation. Both can run again and again: keys of their own make one task and one reply of it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from chalicelib.domain.conversations import conversation as rules
from chalicelib.domain.conversations import history as history_rules
from chalicelib.domain.conversations.conversation import Message, Role
from chalicelib.domain.models import chat
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.conversations import conversations, messages
from chalicelib.engine.documents import background_jobs
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.models import catalogue, chat_tasks, current_model
from chalicelib.engine.models.generation import Ask
from chalicelib.engine.tasks import lifecycle, payloads, submission
from chalicelib.errors import Conflict, IdempotencyMismatch, NotConfigured, NotFound
from chalicelib.observability import count, logger
from chalicelib.storage.aws.dynamodb import Write

JOB_KIND = "reply"


def job_write(org: str, pool: str, message: Message, by: str) -> Write:
    """The write of the job that has a model answer a message; commit it with the message."""
    return background_jobs.create_write(org, JOB_KIND, message.conversation_id, pool=pool, number=message.number, by=by)


def request_reply(job: Job) -> bool:
    """Run the job of a message: submit the task of its answer. Returns True: nothing is left to do.

    Without a configured model, and for a conversation that was deleted, nothing is done. Five calls.
    """
    pool, number = job.facts["pool"], job.facts["number"]
    try:
        ask = _ask(job.org, pool, job.subject, number)
    except NotConfigured as error:
        logger().warning("A message gets no answer", extra={"org": job.org, "reason": str(error)})
        return True
    if ask is not None:
        key = f"reply:{job.subject}:{number}"
        draft = chat_tasks.chat_submission(job.org, ask, api=pool, idempotency_key=key)
        target = rules.reply_target(pool, job.subject)
        with suppress(IdempotencyMismatch):  # submitted before, and the org has chosen another model since
            submission.submit(job.org, job.facts["by"], draft._replace(notify=(target,)))
    return True


def _ask(org: str, pool: str, conversation_id: str, number: int) -> Ask | None:
    """What the model is asked; None where there is no model, or nothing to answer."""
    if not catalogue.list_models(org):
        return None
    history = messages.find_until(org, pool, conversation_id, number, history_rules.MAX_MESSAGES)
    if not history:
        return None
    context = conversations.get(org, pool, conversation_id).context
    tokens = current_model.get_current(org).entry.model.context_length
    room = history_rules.room_chars(tokens)
    told = [chat.Message("system", f"Context: {payloads.compact_json(context)}"[:room])] if context else []
    return Ask(messages=(*told, *as_prompt(history, room)))


def as_prompt(history: Sequence[Message], room: int) -> Sequence[chat.Message]:
    """What a model gets of these messages: the latest that have so many characters together."""
    fitting = history_rules.latest_that_fit(history, room)
    return [chat.Message(message.role.value, message.content) for message in fitting]


def append_reply(task: Task, read_text: Callable[[Task], str] | None = None) -> None:
    """Add the result of an ended task to the conversation that it replies to, if it does, once. Four calls.

    `read_text` is what the task has to say; None: it is a chat task, whose result is a model's answer.
    A reply to a conversation that was deleted or closed meanwhile is dropped; an empty one, too.
    """
    for pool, conversation_id in filter(None, map(rules.parse_reply_target, task.notify)):
        text = (read_text or _read_answer)(task)
        if text:
            with suppress(NotFound, Conflict):
                key = f"reply:{task.id}"
                messages.add(task.org, pool, conversation_id, Role.ASSISTANT, text, key)


def _read_answer(task: Task) -> str:
    """What the model wrote; nothing of a task that failed."""
    if task.status is not Status.COMPLETED:
        logger().warning("A message got no answer", extra={"org": task.org, "task_id": task.id})
        count("ReplyFailed")
        return ""
    # What is due is often read without results.
    result = lifecycle.load_result(lifecycle.get(task.org, task.id))
    return str((result or {}).get("text", ""))[: rules.MAX_CONTENT_CHARS]

"""Stories of the studio for tests that kill a process: a chat, and an operation on many content tasks."""

from collections.abc import Callable

from chalicelib import config
from chalicelib.domain.conversations.conversation import ALL, Role
from chalicelib.engine import bulk_operations, content_tasks
from chalicelib.engine.bulk_operations import Progress, Request
from chalicelib.engine.conversations import chat, conversations, messages
from chalicelib.engine.conversations.chat import Question
from chalicelib.engine.conversations.conversations import Draft
from chalicelib.storage.documents import documents
from tests.support.model_servers import KEY, OpenAiServer
from tests.support.models import MODELS, OPENAI_HOST
from tests.support.world import ORG, World

Act = Callable[[], object]
POOL = "studio"


def _begin_chat(world: World) -> Act:
    _have_model(world)
    return lambda: chat.answer(ORG, POOL, "ann", Question("Hello", key="once"))


def _go_on_chatting(world: World) -> Act:
    _have_model(world)
    begun = conversations.create(ORG, POOL, Draft("ann", "Tea")).conversation
    return lambda: chat.answer(ORG, POOL, "ann", Question("Hello", begun.id, key="once"))


def _have_model(world: World) -> None:
    world.model_servers[OPENAI_HOST] = OpenAiServer(key=KEY)
    config.replace(models=MODELS)


def _require_one_answer(_: World) -> None:
    """However often the process died, the caller who repeats the question sees it once, with one answer."""
    [conversation] = conversations.find_page(ORG, POOL, ALL, 10).conversations
    page = messages.find_page(ORG, POOL, conversation.id, None, 10)
    assert [message.role for message in page.messages] == [Role.USER, Role.ASSISTANT]


def _reassign(_: World) -> Act:
    """Begin an operation. Where its request dies, a job does it; the caller who repeats the request begins another."""
    request = Request("reassign", _create_tasks(), assigned_to="ben")
    return lambda: bulk_operations.start(ORG, request, "ann")


def _delete(_: World) -> Act:
    request = Request("delete", _create_tasks())
    return lambda: bulk_operations.start(ORG, request, "ann")


def _create_tasks() -> list[str]:
    return [content_tasks.create(ORG, "ann", f"Task {number}", {}).id for number in range(3)]


def _operations() -> list[Progress]:
    """All operations, of which the last was done by its request."""
    stored = documents.iter_all(ORG, bulk_operations.KIND, newest=False)
    operations = [bulk_operations.get(ORG, document.id) for document in stored]
    assert operations and all(operation.is_done for operation in operations)
    return operations


def _require_reassigned(world: World) -> None:
    assert all(operation.affected == 3 for operation in _operations())
    assert all(content_tasks.brief_of(task)["assigned_to"] == "ben" for task in world.tasks() if task.pool == POOL)


def _require_deleted(world: World) -> None:
    """What a request deleted before it died is not there for the one that repeats it."""
    outcomes = [outcome for operation in _operations() for outcome, _ in operation.outcomes.values()]
    assert set(outcomes) <= {"deleted", "not_found"} and outcomes.count("deleted") >= 3
    assert not [task for task in world.tasks() if task.pool == POOL]


STORIES: dict[str, Callable[[World], Act]] = {
    "first message of a chat": _begin_chat,
    "message of a chat": _go_on_chatting,
    "operation on many tasks": _reassign,
    "deletion of many tasks": _delete,
}
CHECKS: dict[str, Callable[[World], None]] = {
    "first message of a chat": _require_one_answer,
    "message of a chat": _require_one_answer,
    "operation on many tasks": _require_reassigned,
    "deletion of many tasks": _require_deleted,
}
"""Story -> what holds once its act was tried again."""

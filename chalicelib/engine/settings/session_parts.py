"""The parts of a saved session: how each becomes the current one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.conversations.conversation import Conversation, Status
from chalicelib.engine.conversations import current_conversations
from chalicelib.engine.models import catalogue, current_model
from chalicelib.engine.workspaces import workspaces
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.conversations import conversations as conversation_storage
from chalicelib.storage.workspaces import workspaces as workspace_storage


class Place(NamedTuple):
    """For whom a part becomes the current one, and who makes it that."""

    org: str
    pool: str
    user_id: str
    by: str


Part = Callable[[Place, str], list[Write] | None]
"""The writes that make the part with this id the current one, refused when it changes meanwhile; None when there is no
such part."""


def _conversation_writes(place: Place, conversation_id: str) -> list[Write] | None:
    """Two calls."""
    conversation = conversation_storage.find(place.org, place.pool, conversation_id)
    if conversation is None:
        return None
    choice = current_conversations.choose_write(place.org, place.pool, place.user_id, conversation_id, place.by)
    return [*_opening_writes(conversation), choice]


def _opening_writes(conversation: Conversation) -> list[Write]:
    """The writes that make a conversation active; for one that is, the check that it still exists."""
    if conversation.status is Status.ACTIVE:
        return [conversation_storage.exists_check(conversation)]
    now = max(clock.now(), conversation.updated_at)
    active = replace(conversation, status=Status.ACTIVE, version=conversation.version + 1, updated_at=now)
    return conversation_storage.update_writes(conversation, active)


def _workspace_writes(place: Place, workspace_id: str) -> list[Write] | None:
    """Two calls."""
    workspace = workspace_storage.find(place.org, workspace_id)
    return [workspaces.switch_write(workspace)] if workspace is not None else None


def _model_writes(place: Place, model_id: str) -> list[Write] | None:
    """One call, and those of the catalogue."""
    if model_id not in {entry.model.id for entry in catalogue.list_models(place.org)}:
        return None
    return [current_model.choose_write(place.org, model_id, place.by)]


PARTS: Mapping[str, Part] = {
    "conversation_id": _conversation_writes,
    "workspace_id": _workspace_writes,
    "model_id": _model_writes,
}
"""Field of a session's state -> the part that it names."""

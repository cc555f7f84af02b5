"""Saved sessions (delqhi-platform.md, "Session Management")."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.codeserver.access import NAME
from chalicelib.apis.codeserver.conversations import ConversationId, UserId
from chalicelib.domain.settings.saved_session import SavedSession, SessionState, SessionStatus, Standing
from chalicelib.edge import Caller, Created, NaiveInstant, Routes, Schema
from chalicelib.engine.settings import saved_sessions
from chalicelib.engine.settings.saved_sessions import Draft

routes = Routes("/api/sessions", tag="Sessions")

SessionId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Status = Literal["active", "inactive", "closed"]
Size = Annotated[int, Field(ge=1, le=100, description="The most sessions in the answer.")]


class StateFields(Schema):
    """What a session keeps. What is left out is left as it is when the session is restored."""

    conversation_id: ConversationId | None = Field(default=None, examples=["conv-uuid"])
    workspace_id: Word | None = Field(default=None, examples=["workspace-uuid"])
    model_id: Word | None = Field(default=None, examples=["claude-opus"])


class SessionIn(Schema):
    """A session to save."""

    user_id: UserId = Field(examples=["user-uuid"])
    name: Name = Field(examples=["Python API Development"])
    state: StateFields


class SessionSaved(Schema):
    """A session that was saved."""

    id: str = Field(examples=["session_abc123"])
    user_id: str
    name: str
    saved_at: NaiveInstant


class SessionRow(Schema):
    """A saved session. `active`: the one that its user saved or restored last. `closed`: not used for 30 days."""

    id: str
    user_id: str
    name: str
    status: Status
    created_at: NaiveInstant
    last_activity: NaiveInstant

    @classmethod
    def from_standing(cls, standing: Standing) -> Self:
        session, status = standing
        return cls(
            id=session.id,
            user_id=session.user_id,
            name=session.name,
            status=status.value,
            created_at=session.created_at,
            last_activity=session.used_at,
        )


class SessionList(Schema):
    """The first sessions that match, the last used first."""

    sessions: list[SessionRow]
    total: int = Field(description="The number of sessions that match.")


class RestoreIn(Schema):
    """How to restore a session."""

    restore_state: bool = Field(
        default=True, strict=True, description="With false nothing is changed: the answer shows what the session keeps."
    )


class SessionRestored(Schema):
    """A session that was restored."""

    id: str
    status: Literal["restored"] = "restored"
    state: StateFields
    restored_at: NaiveInstant

    @classmethod
    def from_session(cls, session: SavedSession) -> Self:
        return cls(id=session.id, state=StateFields(**session.state._asdict()), restored_at=clock.now())


class SessionDeleted(Schema):
    """A session that was deleted."""

    id: str
    status: Literal["deleted"] = "deleted"
    deleted_at: NaiveInstant


@routes.get()
def list_sessions(
    caller: Caller, user_id: UserId | None = None, status: Status | None = None, limit: Size = 20
) -> SessionList:
    """List saved sessions, the last used first. A session must match all filters."""
    wanted = SessionStatus(status) if status is not None else None
    page = saved_sessions.find_page(caller.org, user_id, wanted, limit)
    return SessionList(sessions=[SessionRow.from_standing(one) for one in page.standings], total=page.total)


@routes.post("/save", status=201, errors=[409])
def save_session(caller: Caller, body: SessionIn) -> Created[SessionSaved]:
    """Save what a user works with: a conversation, a workspace and a model."""
    state = SessionState(**body.state.model_dump())
    session = saved_sessions.save(caller.org, NAME, Draft(body.user_id, body.name, state), caller.subject)
    saved = SessionSaved(id=session.id, user_id=session.user_id, name=session.name, saved_at=session.created_at)
    return Created(saved, location="/api/sessions")


@routes.post("/restore/{id}", errors=[409])
def restore_session(caller: Caller, id: SessionId, body: RestoreIn | None = None) -> SessionRestored:
    """Make the conversation, the workspace and the model of a session the current ones, all or none.

    409 names every part that no longer exists.
    """
    if body is not None and not body.restore_state:
        return SessionRestored.from_session(saved_sessions.get(caller.org, id))
    return SessionRestored.from_session(saved_sessions.restore(caller.org, NAME, id, caller.subject))


@routes.delete("/{id}")
def delete_session(caller: Caller, id: SessionId) -> SessionDeleted:
    """Delete a saved session. What it keeps is left as it is."""
    saved_sessions.delete(caller.org, id)
    return SessionDeleted(id=id, deleted_at=clock.now())

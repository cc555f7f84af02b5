"""A saved session: which conversation, workspace and model a user works with, to be restored together."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

CLOSED_AFTER_MS = 30 * 86_400_000
"""A session that was not used for so long is closed. It can still be restored."""


class SessionStatus(StrEnum):
    """The states of a saved session."""

    ACTIVE = "active"  # the one that its user saved or restored last
    INACTIVE = "inactive"
    CLOSED = "closed"  # not used for CLOSED_AFTER_MS


class SessionState(NamedTuple):
    """What a session keeps; None where it keeps none. The field names are stored."""

    conversation_id: str | None = None
    workspace_id: str | None = None
    model_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSession:
    """One saved session. Instants are epoch milliseconds."""

    id: str
    user_id: str
    name: str
    state: SessionState
    created_at: int
    used_at: int  # when it was saved or last restored


class Standing(NamedTuple):
    """A saved session and its status."""

    session: SavedSession
    status: SessionStatus


def rank(sessions: Iterable[SavedSession], now: int) -> list[Standing]:
    """The sessions with their status, the last used first. `sessions` are all of an org: a user has one active."""
    users: set[str] = set()
    standings = []
    for session in sorted(sessions, key=lambda one: (one.used_at, one.id), reverse=True):
        standings.append(Standing(session, _status(session, session.user_id not in users, now)))
        users.add(session.user_id)
    return standings


def _status(session: SavedSession, is_latest: bool, now: int) -> SessionStatus:
    if now - session.used_at >= CLOSED_AFTER_MS:
        return SessionStatus.CLOSED
    return SessionStatus.ACTIVE if is_latest else SessionStatus.INACTIVE

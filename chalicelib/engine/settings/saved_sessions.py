"""Save and restore sessions: which conversation, workspace and model a user works with.

A restoration is one transaction: all of a session's parts become the current ones, or nothing changes.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.domain.settings import saved_session as rules
from chalicelib.domain.settings.saved_session import SavedSession, SessionState, SessionStatus, Standing
from chalicelib.engine.documents import documents, optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.settings.session_parts import PARTS, Place
from chalicelib.errors import Conflict, InvalidRequest
from chalicelib.storage.access import quotas
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import documents as storage

KIND = "session"
MAX_SESSIONS = 1_000
"""Saved sessions of an org: a list reads them all, with one call."""


class Draft(NamedTuple):
    """A session to be saved."""

    user_id: str
    name: str
    state: SessionState


class Page(NamedTuple):
    """The first sessions of a list, and how many it has."""

    standings: list[Standing]
    total: int


def save(org: str, pool: str, draft: Draft, by: str) -> SavedSession:
    """Save a session. One call, and up to two for each part of its state.

    Raises InvalidRequest for a part that does not exist, Conflict when the org has MAX_SESSIONS.
    """
    writes = _switch_writes(Place(org, pool, draft.user_id, by), draft.state)
    for name in (name for name, found in writes.items() if found is None):
        what = f"must name one of this organization's; {getattr(draft.state, name)} is none"
        raise InvalidRequest(f"state.{name}: {what}", fields={f"state.{name}": what})
    body = {"user_id": draft.user_id, "name": draft.name, "state": draft.state._asdict(), "used_at": clock.now()}
    try:
        document = documents.create(documents.new(org, KIND, body, by=by), [quotas.take_write(org, KIND, MAX_SESSIONS)])
    except ConditionFailed:
        raise Conflict(f"An organization has at most {MAX_SESSIONS} saved sessions: delete some") from None
    return _parse(document)


def _switch_writes(place: Place, state: SessionState) -> dict[str, list[Write] | None]:
    """The writes that make each part of the state the current one; None for a part that does not exist."""
    named = {name: identifier for name, identifier in state._asdict().items() if identifier is not None}
    return {name: PARTS[name](place, identifier) for name, identifier in named.items()}


def find_page(org: str, user_id: str | None, status: SessionStatus | None, limit: int) -> Page:
    """The saved sessions of an org that match, the last used first. One call for each megabyte of all its sessions."""
    sessions = [_parse(document) for document in storage.iter_all(org, KIND)]
    matching = [
        standing
        for standing in rules.rank(sessions, clock.now())
        if user_id in (None, standing.session.user_id) and status in (None, standing.status)
    ]
    return Page(matching[:limit], len(matching))


def delete(org: str, session_id: str) -> None:
    """Delete a saved session. Two calls. Raises NotFound."""
    documents.delete(org, KIND, session_id, also=lambda _: [quotas.give_back_write(org, KIND)])


def get(org: str, session_id: str) -> SavedSession:
    """A saved session. One call. Raises NotFound."""
    return _parse(documents.get(org, KIND, session_id))


def restore(org: str, pool: str, session_id: str, by: str) -> SavedSession:
    """Make the conversation, the workspace and the model of a session the current ones. The conversation becomes
    active again.

    Two calls, and up to two for each part. Raises NotFound for the session, and Conflict, which names every part that
    no longer exists.
    """

    def attempt() -> SavedSession:
        document = documents.get(org, KIND, session_id)
        session = _parse(document)
        writes_by_name = _switch_writes(Place(org, pool, session.user_id, by), session.state)
        missing = [name for name, writes in writes_by_name.items() if writes is None]
        if missing:
            raise Conflict(_refusal(session, missing))
        draft = replace(document, body={**document.body, "used_at": clock.now()}, updated_at=clock.now(), changed_by=by)
        restored, write = documents.next_version(document, draft)
        _commit([write, *chain.from_iterable(writes or () for writes in writes_by_name.values())])
        return _parse(restored)

    return optimistic.retry(attempt)


def _refusal(session: SavedSession, missing: Sequence[str]) -> str:
    named = ", ".join(f"{name} {getattr(session.state, name)}" for name in missing)
    return f"Session {session.id} cannot be restored, and nothing was changed: these do not exist any more: {named}"


def _commit(writes: Sequence[Write]) -> None:
    try:
        dynamodb.commit(*writes)
    except ConditionFailed:
        raise StaleRead from None


def _parse(document: Document) -> SavedSession:
    body = document.body
    return SavedSession(
        id=document.id,
        user_id=body["user_id"],
        name=body["name"],
        state=SessionState(**body["state"]),
        created_at=document.created_at,
        used_at=body["used_at"],
    )

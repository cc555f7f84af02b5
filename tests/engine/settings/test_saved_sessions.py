"""Saved sessions are restored completely or not at all."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import clock, config
from chalicelib.domain.conversations.conversation import Status
from chalicelib.domain.settings.saved_session import SavedSession, SessionState, SessionStatus
from chalicelib.engine.conversations import conversations, current_conversations
from chalicelib.engine.conversations.conversations import Change
from chalicelib.engine.models import current_model
from chalicelib.engine.settings import saved_sessions
from chalicelib.engine.settings.saved_sessions import Draft
from chalicelib.engine.workspaces import workspaces
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from tests.engine.conversations.helpers import POOL, begin, reload, require_exact_counters
from tests.engine.helpers import run_together
from tests.simulation.faults import dies_before
from tests.support import aws
from tests.support.aws import Call, Interference
from tests.support.models import MODELS, PROVIDERS
from tests.support.rewind import stored_items
from tests.support.world import ORG, World


def save(conversation_id: str | None = None, user_id: str = "ann", model_id: str | None = None) -> SavedSession:
    state = SessionState(conversation_id, None, model_id)
    return saved_sessions.save(ORG, POOL, Draft(user_id, "n", state), "dev")


def restore(session: SavedSession) -> SavedSession:
    return saved_sessions.restore(ORG, POOL, session.id, "dev")


def list_standings(**wanted: object) -> list[tuple[str, str]]:
    page = saved_sessions.find_page(ORG, wanted.get("user_id"), wanted.get("status"), 100)  # type: ignore[arg-type]
    assert page.total == len(page.standings)
    return [(standing.session.id, str(standing.status)) for standing in page.standings]


def test_a_restored_conversation_is_its_users_current_one_and_active(world: World) -> None:
    first, second = begin(), begin()
    sessions = [save(first.id), save(second.id)]
    conversations.update(ORG, POOL, first.id, Change(status=Status.ARCHIVED))
    world.clock.advance(60)
    restored = restore(sessions[0])
    assert restored.state.conversation_id == current_conversations.find(ORG, POOL, "ann") == first.id
    assert reload(first).status is Status.ACTIVE
    assert restored.used_at == world.clock.now() > restored.created_at
    assert list_standings() == [(sessions[0].id, "active"), (sessions[1].id, "inactive")]
    restore(sessions[1])
    assert current_conversations.find(ORG, POOL, "ann") == second.id
    require_exact_counters()


def test_a_session_of_what_is_gone_is_not_restored_and_changes_nothing(world: World) -> None:
    gone, kept = begin(), begin()
    sessions = [save(gone.id), save(kept.id)]
    restore(sessions[1])
    conversations.delete(ORG, POOL, gone.id)
    before = stored_items()
    with pytest.raises(Conflict, match=f"Session {sessions[0].id} cannot be restored, .* conversation_id {gone.id}$"):
        restore(sessions[0])
    assert stored_items() == before


def test_a_restored_model_is_the_orgs_current_one_with_its_parameters(world: World) -> None:
    config.replace(models=MODELS)
    session = save(model_id="careful")
    current_model.switch(ORG, "fast", temperature=0.1)
    world.clock.advance(5)
    restore(session)
    current = current_model.get_current(ORG)
    assert (current.entry.model.id, current.temperature) == ("careful", 0.1)
    assert current.switched_at_ms == world.clock.now()


def test_a_restored_workspace_is_the_orgs_current_one(world: World) -> None:
    main, other = workspaces.current(ORG), workspaces.create(ORG, "other")
    state = SessionState(None, other.id)
    session = saved_sessions.save(ORG, POOL, Draft("ann", "n", state), "dev")
    assert workspaces.current(ORG) == main
    with aws.interfering(_before_first_transaction(lambda: workspaces.switch(ORG, main.id))):
        restore(session)
    assert workspaces.current(ORG) == other
    with pytest.raises(InvalidRequest, match=r"state\.workspace_id: must name one of this organization's"):
        saved_sessions.save("umbra", POOL, Draft("ann", "n", state), "dev")


def test_all_that_is_gone_is_named_and_the_rest_is_not_switched(world: World) -> None:
    config.replace(models=MODELS)
    talk = begin()
    session, kept = save(talk.id, model_id="small"), save(model_id="small")
    config.replace(models=json.dumps(PROVIDERS[:1]))
    current_model.switch(ORG, "fast")
    before = stored_items()
    with pytest.raises(Conflict, match=r"these do not exist any more: model_id small$"):
        restore(kept)
    with pytest.raises(Conflict, match=r"model_id small$"):
        restore(session)
    assert stored_items() == before
    conversations.delete(ORG, POOL, talk.id)
    with pytest.raises(Conflict, match=f"conversation_id {talk.id}, model_id small$"):
        restore(session)


def test_a_model_that_is_chosen_meanwhile_gives_way_to_the_later_restoration(world: World) -> None:
    config.replace(models=MODELS)
    session = save(model_id="careful")
    with aws.interfering(_before_first_transaction(lambda: current_model.switch(ORG, "fast", top_p=0.5))):
        restore(session)
    current = current_model.get_current(ORG)
    assert (current.entry.model.id, current.top_p) == ("careful", 0.5)


def test_a_session_names_what_exists(world: World) -> None:
    theirs = begin(org="umbra")
    for identifier in ("nowhere", theirs.id):
        with pytest.raises(InvalidRequest, match=r"state\.conversation_id: must name one of this organization's"):
            save(identifier)
    assert list_standings() == []


def test_a_session_can_keep_nothing_at_all(world: World) -> None:
    session = save()
    assert restore(session).state == SessionState()
    assert current_conversations.find(ORG, POOL, "ann") is None


def test_sessions_are_listed_by_user_and_status_and_age(world: World) -> None:
    old, anns, bobs = save(), save(), save(user_id="bob")
    world.clock.advance(31 * 86_400)
    fresh = save()
    assert list_standings(user_id="ann", status=SessionStatus.ACTIVE) == [(fresh.id, "active")]
    assert {one for one, _ in list_standings(status=SessionStatus.CLOSED)} == {old.id, anns.id, bobs.id}
    restore(bobs)
    assert list_standings(user_id="bob") == [(bobs.id, "active")]
    page = saved_sessions.find_page(ORG, None, None, 2)
    assert (len(page.standings), page.total) == (2, 4)
    assert saved_sessions.find_page("umbra", None, None, 100) == ([], 0)


def test_anothers_session_is_not_there(world: World) -> None:
    session = save()
    for use in (saved_sessions.get, saved_sessions.delete):
        with pytest.raises(NotFound, match=f"Session not found: {session.id}"):
            use("umbra", session.id)
    with pytest.raises(NotFound):
        saved_sessions.restore("umbra", POOL, session.id, "dev")
    assert saved_sessions.get(ORG, session.id) == session


def test_an_org_has_so_many_sessions_and_can_delete_some(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_sessions, "MAX_SESSIONS", 3)
    outcomes = run_together([save] * 5)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 2
    saved_sessions.delete(ORG, list_standings()[0][0])
    save()
    assert len(list_standings()) == 3


def test_restorations_at_once_leave_one_of_them(world: World) -> None:
    talks = [begin() for _ in range(4)]
    sessions = [save(talk.id) for talk in talks]
    outcomes = run_together([lambda session=session: restore(session) for session in sessions])
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert current_conversations.find(ORG, POOL, "ann") in {talk.id for talk in talks}


def test_a_conversation_that_is_deleted_meanwhile_is_not_restored(world: World) -> None:
    talk = begin()
    session = save(talk.id)

    deletion = _before_first_transaction(lambda: conversations.delete(ORG, POOL, talk.id))
    with aws.interfering(deletion), pytest.raises(Conflict):
        restore(session)
    assert current_conversations.find(ORG, POOL, "ann") is None


def _before_first_transaction(act: Callable[[], object]) -> Interference:
    waiting = [act]

    def interfere(call: Call, send: Callable[[], Any]) -> Any:
        if call[1] == "TransactWriteItems" and waiting:
            waiting.pop()()
        return send()

    return interfere


def test_a_death_at_any_call_leaves_all_or_nothing(world: World) -> None:
    talk = begin()
    session = save(talk.id)
    conversations.update(ORG, POOL, talk.id, Change(status=Status.CLOSED))
    before = stored_items()
    for number in range(20):
        world.clock.advance(1)
        if not dies_before(world, lambda: restore(session), number):
            assert number > 2
            break
        assert stored_items() == before
    assert (current_conversations.find(ORG, POOL, "ann"), reload(talk).status) == (talk.id, Status.ACTIVE)
    assert saved_sessions.get(ORG, session.id).used_at == clock.now()

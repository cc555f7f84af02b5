"""Saved sessions over HTTP."""

from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.aws import counting


def talk(api: CodeserverApi) -> str:
    return str(api.call("POST", "/api/conversations", {"user_id": "user-uuid"})["id"])


def save(api: CodeserverApi, conversation: str | None = None) -> str:
    state = {"conversation_id": conversation} if conversation is not None else {}
    body = {"user_id": "user-uuid", "name": "Python API Development", "state": state}
    return str(api.call("POST", "/api/sessions/save", body)["id"])


def test_a_session_is_saved_listed_restored_and_deleted(codeserver_api: CodeserverApi) -> None:
    conversation = talk(codeserver_api)
    session = save(codeserver_api, conversation)
    codeserver_api.call("PUT", f"/api/conversations/{conversation}", {"status": "closed"})
    codeserver_api.world.clock.advance(5)
    restored = codeserver_api.call("POST", f"/api/sessions/restore/{session}", {"restore_state": True})
    assert (restored["id"], restored["status"]) == (session, "restored")
    assert restored["state"] == {"conversation_id": conversation, "workspace_id": None, "model_id": None}
    assert codeserver_api.call("GET", f"/api/conversations/{conversation}")["status"] == "active"
    page = codeserver_api.call("GET", "/api/sessions?user_id=user-uuid&status=active")
    [row] = page["sessions"]
    assert (row["id"], row["name"], page["total"]) == (session, "Python API Development", 1)
    assert row["last_activity"] == restored["restored_at"] > row["created_at"]
    assert codeserver_api.call("DELETE", f"/api/sessions/{session}")["status"] == "deleted"
    assert codeserver_api.call("GET", "/api/sessions") == {"sessions": [], "total": 0}


def test_without_restoring_the_state_nothing_is_changed(codeserver_api: CodeserverApi) -> None:
    conversation = talk(codeserver_api)
    session = save(codeserver_api, conversation)
    codeserver_api.call("PUT", f"/api/conversations/{conversation}", {"status": "closed"})
    shown = codeserver_api.call("POST", f"/api/sessions/restore/{session}", {"restore_state": False})
    assert shown["state"]["conversation_id"] == conversation
    assert codeserver_api.call("GET", f"/api/conversations/{conversation}")["status"] == "closed"


def test_what_is_gone_is_named_and_a_body_is_not_needed(codeserver_api: CodeserverApi) -> None:
    conversation = talk(codeserver_api)
    session = save(codeserver_api, conversation)
    assert codeserver_api.request("POST", f"/api/sessions/restore/{session}").status == 200
    codeserver_api.call("DELETE", f"/api/conversations/{conversation}")
    refused = codeserver_api.request("POST", f"/api/sessions/restore/{session}")
    assert (refused.status, conversation in refused.json["message"]) == (409, True)


def test_requests_cost_no_more_than_their_budgets(codeserver_api: CodeserverApi) -> None:
    session = save(codeserver_api, talk(codeserver_api))
    for method, path, budget in (
        ("GET", "/api/sessions", 2),
        ("POST", f"/api/sessions/restore/{session}", 5),
        ("DELETE", f"/api/sessions/{session}", 3),
    ):
        with counting() as calls:
            codeserver_api.call(method, path)
        assert calls.total() == budget, (method, path, dict(calls))

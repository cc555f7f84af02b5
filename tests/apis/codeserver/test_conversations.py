"""Conversations over HTTP: the documented behaviour, and the cases that the document leaves open."""

import pytest

from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.aws import counting
from tests.support.client import token

BODY = {"user_id": "user-uuid", "title": "Python API Development", "context": {"framework": "FastAPI"}}


def create_conversation(api: CodeserverApi, **fields: object) -> str:
    return str(api.call("POST", "/api/conversations", BODY | fields)["id"])


def add(api: CodeserverApi, conversation: str, content: str = "hello", role: str = "user", **more: object) -> object:
    body = {"role": role, "content": content}
    return api.call("POST", f"/api/conversations/{conversation}/messages", body, **more)


def test_a_conversation_from_its_creation_to_its_end(codeserver_api: CodeserverApi) -> None:
    conversation = create_conversation(codeserver_api)
    add(codeserver_api, conversation, "Create a REST API endpoint")
    add(codeserver_api, conversation, "Here it is", "assistant")
    page = codeserver_api.call("GET", "/api/conversations?user_id=user-uuid&status=active")
    [row] = page["conversations"]
    assert (row["message_count"], row["last_message_at"], page["total"]) == (2, row["created_at"], 1)
    whole = codeserver_api.call("GET", f"/api/conversations/{conversation}")
    assert whole["context"] == {"framework": "FastAPI"}
    messages = codeserver_api.call("GET", f"/api/conversations/{conversation}/messages?role=assistant")
    assert [message["content"] for message in messages["messages"]] == ["Here it is"]
    assert (messages["total"], messages["limit"], messages["offset"]) == (1, 20, 0)
    deleted = codeserver_api.call("DELETE", f"/api/conversations/{conversation}")
    assert (deleted["id"], deleted["status"]) == (conversation, "deleted")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages")):
        assert codeserver_api.request(method, f"/api/conversations/{conversation}{path}").status == 404


def test_what_is_left_out_has_a_default(codeserver_api: CodeserverApi) -> None:
    made = codeserver_api.call("POST", "/api/conversations", {"user_id": "u"})
    whole = codeserver_api.call("GET", f"/api/conversations/{made['id']}")
    assert (whole["title"], whole["context"], whole["status"]) == ("New conversation", {}, "active")
    row = codeserver_api.call("GET", "/api/conversations")["conversations"][0]
    assert (row["message_count"], row["last_message_at"]) == (0, None)


def test_a_conversation_can_be_archived_closed_and_opened_again(codeserver_api: CodeserverApi) -> None:
    conversation = create_conversation(codeserver_api)
    for status, taken in (("archived", 201), ("closed", 409), ("active", 201)):
        changed = codeserver_api.call("PUT", f"/api/conversations/{conversation}", {"status": status})
        assert (changed["status"], changed["title"]) == (status, BODY["title"])
        body = {"role": "user", "content": "hello"}
        assert codeserver_api.request("POST", f"/api/conversations/{conversation}/messages", body).status == taken
        assert codeserver_api.call("GET", f"/api/conversations?status={status}")["total"] == 1


def test_an_idempotency_key_adds_a_message_once_for_one_caller(codeserver_api: CodeserverApi) -> None:
    conversation, key = create_conversation(codeserver_api), {"headers": {"Idempotency-Key": "one"}}
    first = add(codeserver_api, conversation, **key)
    assert add(codeserver_api, conversation, **key) == first
    assert add(codeserver_api, conversation, **key, token=token("user", subject="other")) != first
    reply = codeserver_api.request(
        "POST", f"/api/conversations/{conversation}/messages", {"role": "user", "content": "other"}, **key
    )
    assert (reply.status, reply.json["error"]) == (409, "IDEMPOTENCY_MISMATCH")
    assert codeserver_api.call("GET", f"/api/conversations/{conversation}/messages")["total"] == 2


def test_offsets_reach_every_row_and_nothing_lies_behind(codeserver_api: CodeserverApi) -> None:
    conversations = [create_conversation(codeserver_api, title=str(number)) for number in range(5)]
    seen = []
    for offset in range(0, 8, 2):
        page = codeserver_api.call("GET", f"/api/conversations?limit=2&offset={offset}")
        seen += [row["id"] for row in page["conversations"]]
        assert (page["total"], page["limit"], page["offset"]) == (5, 2, offset)
    assert seen == conversations[::-1]
    assert codeserver_api.call("GET", "/api/conversations?offset=1000000000")["conversations"] == []


def test_words_of_people_are_stored_as_they_are(codeserver_api: CodeserverApi) -> None:
    words = 'Zeile\n\ttab \\ " \u0000 \u2028 \U0001f600 e\u0301 <script>'
    conversation = create_conversation(codeserver_api, title=words, user_id=words)
    add(codeserver_api, conversation, words)
    [message] = codeserver_api.call("GET", f"/api/conversations/{conversation}/messages")["messages"]
    assert message["content"] == words
    assert codeserver_api.call("GET", f"/api/conversations/{conversation}")["title"] == words


BUDGETS = {
    "list": ("GET", "/api/conversations", None, 2),
    "list of a user": ("GET", "/api/conversations?user_id=user-uuid&status=active", None, 2),
    "get": ("GET", "/api/conversations/{id}", None, 2),
    "create": ("POST", "/api/conversations", BODY, 3),
    "update": ("PUT", "/api/conversations/{id}", {"status": "closed"}, 3),
    "delete": ("DELETE", "/api/conversations/{id}", None, 3),
    "messages": ("GET", "/api/conversations/{id}/messages", None, 2),
    "messages of a role": ("GET", "/api/conversations/{id}/messages?role=user", None, 3),
    "a hundred messages": ("GET", "/api/conversations/{id}/messages?limit=100", None, 3),
    "add a message": ("POST", "/api/conversations/{id}/messages", {"role": "user", "content": "x"}, 3),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_request_costs_no_more_than_its_budget(name: str, codeserver_api: CodeserverApi) -> None:
    method, path, body, budget = BUDGETS[name]
    conversation = create_conversation(codeserver_api)
    add(codeserver_api, conversation)
    with counting() as calls:
        codeserver_api.call(method, path.replace("{id}", conversation), body)
    assert calls.total() == budget, dict(calls)

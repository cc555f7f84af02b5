"""Chat over HTTP. What a model's failures lead to is tested with the engine."""

from collections.abc import Iterator

import pytest

from tests.apis.studio.conftest import StudioApi
from tests.support.aws import counting
from tests.support.client import token
from tests.support.models import Models, models

CHAT = "/api/chat"


@pytest.fixture
def fake_models(studio_api: StudioApi) -> Iterator[Models]:
    with models(studio_api.world) as found:
        yield found


def test_a_chat_from_its_first_message_to_its_end(studio_api: StudioApi, fake_models: Models) -> None:
    first = studio_api.call("POST", CHAT, {"message": "What is AI?", "conversation_id": None, "model": "fast"})
    place = first["conversation_id"]
    assert (first["response"], first["model"], first["tokens_used"]) == ("What is AI? ", "fast", 6)
    second = studio_api.call("POST", CHAT, {"message": "And then?", "conversation_id": place})
    assert second["model"] == "clever"
    history = studio_api.call("GET", f"{CHAT}/history/{place}")
    assert [(one["role"], one["content"]) for one in history["messages"]] == [
        ("user", "What is AI?"),
        ("assistant", "What is AI? "),
        ("user", "And then?"),
        ("assistant", "And then? "),
    ]
    assert (history["total"], history["messages"][1]["id"]) == (4, first["message_id"])
    assert history["messages"][0]["timestamp"] == "2026-01-01T12:00:00Z"
    page = studio_api.call("GET", f"{CHAT}/history/{place}?limit=1&offset=2")
    assert [one["content"] for one in page["messages"]] == ["And then?"]
    studio_api.call("DELETE", f"{CHAT}/history/{place}")
    for method, path, body in (
        ("GET", f"{CHAT}/history/{place}", None),
        ("DELETE", f"{CHAT}/history/{place}", None),
        ("POST", CHAT, {"message": "Still there?", "conversation_id": place}),
    ):
        assert studio_api.expect_error(404, method, path, body) == f"Conversation not found: {place}"


def test_a_silent_model_is_a_504_and_the_message_is_kept(studio_api: StudioApi, fake_models: Models) -> None:
    fake_models.openai.mode = "hang"
    reply = studio_api.request("POST", CHAT, {"message": "Hello?"})
    assert (reply.status, reply.json["type"]) == (504, "timed_out")
    place = reply.json["detail"].rpartition(" ")[2]
    [kept] = studio_api.call("GET", f"{CHAT}/history/{place}")["messages"]
    assert (kept["role"], kept["content"]) == ("user", "Hello?")


def test_a_busy_provider_is_a_503_with_retry_after(studio_api: StudioApi, fake_models: Models) -> None:
    fake_models.openai.mode = "rate limited"
    reply = studio_api.request("POST", CHAT, {"message": "Hello?"})
    assert (reply.status, reply.json["type"], reply.headers["retry-after"]) == (503, "unavailable", "7")


def test_a_message_of_spaces_is_refused_and_not_kept(studio_api: StudioApi, fake_models: Models) -> None:
    reply = studio_api.request("POST", CHAT, {"message": " \n "})
    assert (reply.status, list(reply.json["fields"])) == (400, ["message"])
    assert "not only spaces" in reply.json["detail"]


def test_the_same_idempotency_key_gets_the_same_answer(studio_api: StudioApi, fake_models: Models) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (studio_api.call("POST", CHAT, {"message": "once"}, headers=key) for _ in range(2))
    assert again == first | {"model": None, "tokens_used": None}
    other = studio_api.request("POST", CHAT, {"message": "once"}, headers=key, token=token("user", subject="bob"))
    assert other.json["conversation_id"] != first["conversation_id"], "another caller's key is another"
    studio_api.expect_error(409, "POST", CHAT, {"message": "twice"}, headers=key)
    assert len(fake_models.openai.requests) == 2


def test_another_org_s_conversation_is_not_there(studio_api: StudioApi, fake_models: Models) -> None:
    place = studio_api.call("POST", CHAT, {"message": "secret"})["conversation_id"]
    other = token("user", org="umbra")
    studio_api.expect_error(404, "POST", CHAT, {"message": "x", "conversation_id": place}, token=other)
    studio_api.expect_error(404, "GET", f"{CHAT}/history/{place}", token=other)


def test_without_a_model_the_list_is_empty_and_a_chat_names_the_setting(studio_api: StudioApi) -> None:
    assert studio_api.call("GET", f"{CHAT}/models") == {"models": []}
    reply = studio_api.request("POST", CHAT, {"message": "Hello?"})
    assert (reply.status, reply.json["type"]) == (503, "not_configured")
    assert reply.json["detail"] == "No language model is configured: set MODELS."


def test_what_a_request_costs(studio_api: StudioApi, fake_models: Models) -> None:
    """One call of the rate limiter, four of the chat, and four of the model: its choice, a slot, its release, usage."""
    place = studio_api.call("POST", CHAT, {"message": "warm"})["conversation_id"]
    with counting() as calls:
        studio_api.call("POST", CHAT, {"message": "again", "conversation_id": place})
    assert calls.total() == 1 + 4 + 4

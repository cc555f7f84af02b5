"""The webhooks over HTTP: the documented bodies, who may send them, and their effects."""

import json
from typing import Any

import pytest

from chalicelib import config
from chalicelib.domain.conversations.conversation import MAX_CONTENT_CHARS
from tests.apis.codeserver import tasks
from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.client import token
from tests.support.messengers import ACCOUNTS, messengers
from tests.support.models import models
from tests.support.world import ORG

N8N = {"event": "code_task_created", "task_id": "n8n-1", "prompt": "Generate code", "source": "n8n-workflow-123"}
COCKPIT = {"event": "user_request", "user_id": "user-uuid", "message": "Generate REST API"}
DELQHI = {"event": "chat_message", "user_id": "delqhi-user-123", "message": "Help me debug this code", "context": {}}
TELEGRAM = {"event": "telegram_message", "chat_id": "123456789", "message": "/code generate a Python script"}
OPENCODE = {
    "event": "opencode_command",
    "command": "generate",
    "args": ["React component"],
    "session_id": "cli-session-uuid",
}
BODIES = {
    "n8n": N8N,
    "cockpit-chat": COCKPIT,
    "delqhi-chat": DELQHI,
    "telegram": TELEGRAM,
    "opencode-cli": OPENCODE,
}


def send(api: CodeserverApi, hook: str, body: Any = None, status: int = 202, **more: Any) -> Any:
    query = more.pop("query", "")
    reply = api.request("POST", f"/webhook/{hook}{query}", BODIES[hook] if body is None else body, **more)
    assert reply.status == status, reply.text
    return reply.json


def prompt(api: CodeserverApi, task_id: str) -> Any:
    payload = api.world.task(task_id).payload
    return payload["prompt"], payload["language"], payload["context"]


def talk(api: CodeserverApi, conversation_id: str) -> list[tuple[str, str]]:
    page = api.call("GET", f"/api/conversations/{conversation_id}/messages")
    return [(message["role"], message["content"]) for message in page["messages"]]


def test_a_workflow_has_code_written_once(codeserver_api: CodeserverApi) -> None:
    answers = [send(codeserver_api, "n8n") for _ in range(3)]
    assert answers[0] == answers[2]
    assert answers[0].items() >= {"status": "accepted", "event": "code_task_created", "message_id": None}.items()
    assert prompt(codeserver_api, answers[0]["task_id"]) == ("Generate code", "python", {"source": "n8n-workflow-123"})
    refused = send(codeserver_api, "n8n", N8N | {"prompt": "other"}, 409)
    assert refused["message"].startswith("task_id: n8n-1 came before with another prompt")
    assert send(codeserver_api, "n8n", N8N | {"task_id": "n8n-2"})["task_id"] != answers[0]["task_id"]


def test_an_external_executor_ends_a_task(codeserver_api: CodeserverApi) -> None:
    task = tasks.submit(codeserver_api.world)
    body = {
        "event": "code_execution_complete",
        "task_id": task.id,
        "execution_result": {"output": "Hello, World!", "exit_code": 0},
    }
    for _ in range(2):
        assert send(codeserver_api, "agent-zero", body)["task_id"] == task.id
    status = codeserver_api.call("GET", f"/api/code/status/{task.id}")
    assert (status["status"], status["output"]) == ("completed", "Hello, World!")
    assert {status[name] for name in ("tests_passed", "tests_total", "execution_time_ms")} == {None}
    assert status["exit_code"] == 0
    send(codeserver_api, "agent-zero", body | {"task_id": "nowhere"}, 404)
    send(codeserver_api, "agent-zero", body | {"execution_result": {"output": "x", "exit_code": 1}}, 202)
    send(codeserver_api, "agent-zero", body | {"execution_result": {"output": "y", "exit_code": 1}}, 409)
    status = codeserver_api.call("GET", f"/api/code/status/{task.id}")
    assert (status["output"], status["execution"]) == ("Hello, World!", {"output": "x", "exit_code": 1})


def test_of_an_output_that_fits_into_no_answer_the_end_is_shown(codeserver_api: CodeserverApi) -> None:
    """Lambda writes each of these letters as six, and answers at most 6 MB."""
    task_id = send(codeserver_api, "n8n")["task_id"]
    result = {"output": "\u8a9e" * 600_000 + "!", "exit_code": 0}
    body = {"event": "code_execution_complete", "task_id": task_id, "execution_result": result}
    for _ in range(2):
        send(codeserver_api, "agent-zero", body)
    shown = codeserver_api.call("GET", f"/api/code/status/{task_id}")["output"]
    assert shown.endswith("\u8a9e!") and 100_000 < len(shown) < 600_000
    assert len(json.dumps(shown)) <= 2_000_000


def test_an_executor_can_name_the_task_as_its_workflow_does(codeserver_api: CodeserverApi) -> None:
    result = {"output": "Hello, World!", "exit_code": 0}
    body = {"event": "code_execution_complete", "task_id": N8N["task_id"], "execution_result": result}
    send(codeserver_api, "agent-zero", body, 404)
    created = send(codeserver_api, "n8n", token=token(subject="n8n"))
    assert send(codeserver_api, "n8n", token=token(subject="n8n-2")) == created
    foreign = send(codeserver_api, "agent-zero", body, 404, token=token(org="umbra"))
    assert foreign["message"].endswith("n8n-1")
    assert send(codeserver_api, "agent-zero", body)["task_id"] == created["task_id"]
    assert codeserver_api.call("GET", f"/api/code/status/{created['task_id']}")["output"] == "Hello, World!"


def test_the_output_of_a_failed_execution_is_shown(codeserver_api: CodeserverApi) -> None:
    task = tasks.submit(codeserver_api.world)
    result = {"output": "Traceback: boom", "exit_code": 3}
    body = {"event": "code_execution_complete", "task_id": task.id, "execution_result": result}
    send(codeserver_api, "agent-zero", body)
    status = codeserver_api.call("GET", f"/api/code/status/{task.id}")
    assert (status["status"], status["code"], status["progress"]) == ("failed", None, 0)
    assert {name: status[name] for name in result} == result


@pytest.mark.parametrize("details", [{"exit_code": "three", "output": 3}, {"exit_code": 3}, {"output": "x"}])
def test_a_workers_details_of_another_form_are_no_execution(codeserver_api: CodeserverApi, details: Any) -> None:
    tasks.register_worker(codeserver_api.world)
    task = tasks.submit(codeserver_api.world)
    tasks.end(codeserver_api.world, task, tasks.BROKEN._replace(details=details))
    status = codeserver_api.call("GET", f"/api/code/status/{task.id}")
    assert status["status"] == "failed"
    assert status.keys().isdisjoint({"output", "exit_code"})


def test_chats_are_conversations_that_a_model_answers(codeserver_api: CodeserverApi) -> None:
    with models(codeserver_api.world):
        for hook in ("cockpit-chat", "delqhi-chat"):
            answer = send(codeserver_api, hook)
            codeserver_api.world.settle()
            words = BODIES[hook]["message"]
            assert talk(codeserver_api, answer["conversation_id"]) == [("user", words), ("assistant", f"{words} ")]
            assert answer["task_id"] is None


def test_the_cockpit_names_a_conversation_of_its_own_or_of_this_api(codeserver_api: CodeserverApi) -> None:
    own = codeserver_api.call("POST", "/api/conversations", {"user_id": "user-uuid"})["id"]
    assert send(codeserver_api, "cockpit-chat", COCKPIT | {"conversation_id": own})["conversation_id"] == own
    theirs = {
        send(codeserver_api, "cockpit-chat", COCKPIT | {"conversation_id": "c-1"})["conversation_id"] for _ in "ab"
    }
    assert len(theirs) == 1 and own not in theirs


def test_telegram_commands_have_code_written_and_other_words_are_messages(codeserver_api: CodeserverApi) -> None:
    command = send(codeserver_api, "telegram")
    assert prompt(codeserver_api, command["task_id"]) == ("generate a Python script", "python", {})
    message = send(codeserver_api, "telegram", TELEGRAM | {"chat_id": 123456789, "message": "/codes are no command"})
    assert (message["task_id"], message["conversation_id"]) == (None, command["conversation_id"])
    assert talk(codeserver_api, command["conversation_id"]) == [
        ("user", "/code generate a Python script"),
        ("user", "/codes are no command"),
    ]
    for written in ("/code\nwrite a sum", "/code@MyBot write a sum", "/CODE write a sum", "  /code  write a sum"):
        spelled = send(codeserver_api, "telegram", TELEGRAM | {"message": written, "event_id": written})
        assert prompt(codeserver_api, spelled["task_id"])[0] == "write a sum"
    for empty in ("/code", "/code ", "/code \n ", "/code@MyBot"):
        refused = send(codeserver_api, "telegram", TELEGRAM | {"message": empty}, 400)
        assert refused["message"] == "message: must say which code to write, in 1 to 20000 characters"


def test_a_command_is_answered_in_its_conversation_and_in_the_chat_of_the_orgs_bot(
    codeserver_api: CodeserverApi,
) -> None:
    world = codeserver_api.world
    senders = messengers(world)
    tasks.register_worker(world, languages=("python",))
    own_chat, other_chat = TELEGRAM | {"chat_id": ACCOUNTS["telegram"]["chat_id"]}, TELEGRAM | {"chat_id": "7"}
    for hook, body, is_sent in (
        ("telegram", own_chat, True),
        ("telegram", other_chat, False),
        ("opencode-cli", OPENCODE, False),
    ):
        command = send(codeserver_api, hook, body)
        sent_before = len(senders.telegram.sent)
        tasks.end(world, world.task(command["task_id"]))
        answer = f"```python\npass\n```\n\nTask {command['task_id']} is completed."
        assert talk(codeserver_api, command["conversation_id"])[1:] == [("assistant", answer)]
        assert [sent["text"] for sent in senders.telegram.sent[sent_before:]] == [f"✅ {answer}"] * is_sent
    failed = send(codeserver_api, "opencode-cli", OPENCODE | {"session_id": "s2"})
    tasks.end(world, world.task(failed["task_id"]), tasks.BROKEN)
    [_, answer] = talk(codeserver_api, failed["conversation_id"])
    assert answer == ("assistant", f"Task {failed['task_id']} failed: it broke")


def test_the_command_line_generates_code_and_says_the_rest(codeserver_api: CodeserverApi) -> None:
    answer = send(codeserver_api, "opencode-cli", OPENCODE | {"language": "javascript"})
    assert prompt(codeserver_api, answer["task_id"]) == ("React component", "javascript", {})
    other = send(codeserver_api, "opencode-cli", OPENCODE | {"command": "explain", "args": ["hooks", "briefly"]})
    assert (other["task_id"], other["conversation_id"]) == (None, answer["conversation_id"])
    assert talk(codeserver_api, answer["conversation_id"])[1] == ("user", "explain hooks briefly")
    send(codeserver_api, "opencode-cli", OPENCODE | {"args": []}, 400)


@pytest.mark.parametrize("hook", ["cockpit-chat", "delqhi-chat", "telegram", "opencode-cli"])
def test_an_event_that_is_delivered_again_is_one(codeserver_api: CodeserverApi, hook: str) -> None:
    for more in ({}, {"headers": {"Idempotency-Key": "delivery-7"}}):
        first, second = (send(codeserver_api, hook, **more) for _ in range(2))
        assert first == second
    body = BODIES[hook] | {"event_id": "e-1"}
    first = send(codeserver_api, hook, body)
    codeserver_api.world.clock.advance(86_400)
    assert send(codeserver_api, hook, body) == first
    assert codeserver_api.call("GET", f"/api/conversations/{first['conversation_id']}/messages")["total"] in (2, 3)


@pytest.mark.parametrize("hook", BODIES)
def test_a_shared_secret_admits_and_names_the_org(codeserver_api: CodeserverApi, hook: str) -> None:
    secrets = {"secret": "for-all-hooks", "telegram": "for-telegram-alone"}
    config.replace(messengers=json.dumps({ORG: {"codeserver": secrets}, "umbra": {}}))
    right = secrets.get(hook, secrets["secret"])
    wrong = secrets["secret"] if hook == "telegram" else secrets["telegram"]

    def attempt(secret: str, query: str, status: int) -> Any:
        return send(codeserver_api, hook, None, status, token=None, headers={"X-Webhook-Secret": secret}, query=query)

    answer = attempt(right, f"?org={ORG}", 202)
    assert answer["task_id"] or answer["conversation_id"]
    for secret, query in ((wrong, f"?org={ORG}"), (right, "?org=umbra"), (right, ""), ("", f"?org={ORG}")):
        assert attempt(secret, query, 401)["error"] == "UNAUTHENTICATED"
    send(codeserver_api, hook, None, 401, token=None)
    assert codeserver_api.request("GET", "/api/config", headers={"X-Webhook-Secret": right}, token=None).status == 401


def test_webhooks_are_enabled_where_others_can_call_them(codeserver_api: CodeserverApi) -> None:
    assert codeserver_api.call("GET", "/api/config")["webhooks_enabled"] is False
    config.replace(messengers=json.dumps({ORG: {"codeserver": {"telegram": "x" * 20}}}))
    assert codeserver_api.call("GET", "/api/config", token=token(org="umbra"))["webhooks_enabled"] is False
    codeserver_api.world.clock.advance(61)
    assert codeserver_api.call("GET", "/api/config")["webhooks_enabled"] is True
    config.replace(open_apis=frozenset({"codeserver"}))
    assert codeserver_api.call("GET", "/api/config", token=None)["webhooks_enabled"] is True


@pytest.mark.parametrize("chat_id", [2**63, -(2**63) - 1, 10**3000])
def test_the_number_of_a_chat_is_bounded(codeserver_api: CodeserverApi, chat_id: int) -> None:
    refused = send(codeserver_api, "telegram", TELEGRAM | {"chat_id": chat_id}, 400)
    assert "chat_id" in refused["message"]
    send(codeserver_api, "telegram", TELEGRAM | {"chat_id": 2**63 - 1})


def test_the_arguments_of_a_command_fit_into_a_message(codeserver_api: CodeserverApi) -> None:
    most = MAX_CONTENT_CHARS - len("say")
    args = ["x" * 19_999] * (most // 20_000) + ["y" * (most % 20_000 - 1)]
    send(codeserver_api, "opencode-cli", OPENCODE | {"command": "say", "args": args})
    refused = send(
        codeserver_api, "opencode-cli", OPENCODE | {"command": "say", "args": [*args[:-1], args[-1] + "y"]}, 400
    )
    assert "args: must have at most 65536 characters" in refused["message"]
    send(codeserver_api, "opencode-cli", OPENCODE | {"command": "say", "args": ["x" * 20_000] * 100}, 400)

"""The catalogue of models, the wire formats of the providers, and failing providers."""

import asyncio
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from code_worker.errors import Misconfigured
from code_worker.models.asking import MAX_ANSWER_CHARACTERS, answer
from code_worker.models.catalog import Model, Provider, Sampling, parse
from code_worker.models.events import Delta, Done, ModelError
from code_worker.models.protocols import PROTOCOLS

from tests.clients.code_worker import fake_provider
from tests.clients.code_worker.fake_provider import Handler, openai, openai_events, provider, refusal

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Add."}]
PATIENT = 20.0


def model(url: str, protocol: str = "openai", key: str = "k", idle_seconds: float = PATIENT) -> Model:
    base = f"{url}/v1" if protocol == "openai" else url
    return Model("m", Provider("p", protocol, base, key, idle_seconds=idle_seconds), "the-model", 100)


def ask(model: Model, first_seconds: float = PATIENT) -> tuple[str, Done]:
    """Return the whole answer. Raises ModelError."""

    async def run() -> tuple[str, Done]:
        events = [event async for event in answer(model, MESSAGES, first_seconds)]
        assert all(isinstance(event, Delta) for event in events[:-1]) and isinstance(events[-1], Done)
        return "".join(event.text for event in events if isinstance(event, Delta)), events[-1]

    return asyncio.run(run())


def failure(
    *answers: fake_provider.Answer, protocol: str = "openai", first: float = PATIENT, idle: float = PATIENT
) -> ModelError:
    with provider(*answers) as found, pytest.raises(ModelError) as raised:
        ask(model(found.url, protocol, idle_seconds=idle), first)
    assert "secret" not in str(raised.value)
    return raised.value


def text_answer(text: str, **headers: str) -> fake_provider.Answer:
    def write(handler: Handler) -> None:
        handler.begin(**headers)
        handler.say(text)

    return write


def test_an_openai_compatible_server_gets_its_documented_request() -> None:
    with provider(openai("def ", "f(): pass")) as found:
        assert ask(model(found.url)) == ("def f(): pass", Done(False, 7, 9))
    [request] = found.requests
    assert (request.path, request.headers["authorization"]) == ("/v1/chat/completions", "Bearer k")
    assert request.body == {
        "model": "the-model",
        "messages": MESSAGES,
        "max_tokens": 100,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_no_key_sends_no_header() -> None:
    with provider(openai("x")) as found:
        ask(model(found.url, key=""))
    assert "authorization" not in found.requests[0].headers


def test_a_server_that_leaves_out_done_and_usage() -> None:
    with provider(text_answer('data: {"choices":[{"delta":{"content":"x"},"finish_reason":"length"}]}\n')) as found:
        assert ask(model(found.url)) == ("x", Done(True, 0, 0))


def test_a_reasoning_model_has_another_name_for_the_limit() -> None:
    hint = json.dumps(
        {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}
    )
    with provider(refusal(400, hint), openai("x")) as found:
        assert ask(model(found.url))[0] == "x"
    assert found.requests[1].body["max_completion_tokens"] == 100 and "max_tokens" not in found.requests[1].body


def test_a_parameter_that_a_model_refuses_is_left_out() -> None:
    hint = json.dumps({"error": {"message": "Unsupported value: 'temperature' does not support 0.2 with this model."}})
    with provider(refusal(400, hint), openai("x")) as found:
        assert ask(replace(model(found.url), sampling=Sampling(0.2, 0.5)))[0] == "x"
    assert [(request.body.get("temperature"), request.body["top_p"]) for request in found.requests] == [
        (0.2, 0.5),
        (None, 0.5),
    ]


@pytest.mark.parametrize(
    ("protocol", "sampling", "sent"),
    [
        ("openai", Sampling(0.2, 0.5), {"temperature": 0.2, "top_p": 0.5}),
        ("openai", Sampling(0, None), {"temperature": 0}),
        ("anthropic", Sampling(0.2, 0.5), {"temperature": 0.2}),
        ("anthropic", Sampling(None, 0.5), {"top_p": 0.5}),
        ("ollama", Sampling(0.2, 0.5), {"temperature": 0.2, "top_p": 0.5}),
    ],
)
def test_each_protocol_carries_how_text_is_drawn(protocol: str, sampling: Sampling, sent: dict[str, float]) -> None:
    body = PROTOCOLS[protocol].request(replace(model("http://host", protocol), sampling=sampling), MESSAGES).body
    parameters = body["options"] if protocol == "ollama" else body
    assert {name: parameters[name] for name in ("temperature", "top_p") if name in parameters} == sent


ANTHROPIC: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 25, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "def "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "f"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 15},
    },
    {"type": "message_stop"},
]


def anthropic(*events: dict[str, Any]) -> fake_provider.Answer:
    return text_answer("".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events))


def test_anthropic_gets_its_documented_request() -> None:
    with provider(anthropic(*ANTHROPIC)) as found:
        assert ask(model(found.url, "anthropic")) == ("def f", Done(False, 25, 15))
    [request] = found.requests
    assert (request.path, request.headers["x-api-key"], request.headers["anthropic-version"]) == (
        "/v1/messages",
        "k",
        "2023-06-01",
    )
    assert (request.body["system"], request.body["messages"]) == ("Be brief.", MESSAGES[1:])


OLLAMA: list[dict[str, Any]] = [
    {"model": "m", "created_at": "t", "message": {"role": "assistant", "content": "def "}, "done": False},
    {"model": "m", "created_at": "t", "message": {"role": "assistant", "content": "f"}, "done": False},
    {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "length",
     "prompt_eval_count": 26, "eval_count": 298},
]  # fmt: skip


def test_ollama_gets_its_documented_request() -> None:
    with provider(text_answer("\n".join(json.dumps(event) for event in OLLAMA))) as found:
        assert ask(model(found.url, "ollama")) == ("def f", Done(True, 26, 298))
    assert found.requests[0].path == "/api/chat" and found.requests[0].body["options"] == {"num_predict": 100}


@pytest.mark.parametrize(
    "status, retryable", [(400, False), (401, False), (403, False), (404, False), (429, True), (500, True), (529, True)]
)
def test_a_refusal_is_named_by_its_status_alone(status: int, retryable: bool) -> None:
    error = failure(refusal(status))
    assert str(status) in str(error) and error.retryable is retryable


@pytest.mark.parametrize(
    "text, seconds", [("7", 7.0), ("1.5", 1.5), ("soon", None), ("-1", None), ("nan", None), ("9e9", 86400.0)]
)
def test_retry_after_is_read(text: str, seconds: float | None) -> None:
    assert failure(refusal(429, retry_after=text)).retry_after == seconds


@pytest.mark.parametrize(
    "protocol, text",
    [
        ("openai", openai_events("def f", reason=None, end=False)),
        ("openai", ""),
        ("anthropic", 'data: {"type": "message_start", "message": {"usage": {}}}\n'),
        ("ollama", json.dumps(OLLAMA[0])),
    ],
)
def test_an_answer_without_its_end_stopped_midway(protocol: str, text: str) -> None:
    error = failure(text_answer(text), protocol=protocol)
    assert "middle" in str(error) and error.retryable


@pytest.mark.parametrize(
    "text",
    ["data: {", "data: [1]", 'data: {"choices": 3}', 'data: {"choices": [{"delta": 3}]}', "data: " + "x" * 1_100_000],
)
def test_garbage_is_an_error_that_can_be_tried_again(text: str) -> None:
    assert failure(text_answer(text)).retryable


def test_an_error_within_the_stream_is_named_by_its_type_alone() -> None:
    event = {"error": {"type": "overloaded_error", "message": "secret"}}
    assert "overloaded_error" in str(failure(text_answer(f"data: {json.dumps(event)}\n")))
    error = {"type": "error", "error": {"type": "a secret text", "message": "secret"}}
    assert "no reason" in str(failure(anthropic(error), protocol="anthropic"))
    assert "no reason" in str(failure(text_answer('{"error": "secret"}'), protocol="ollama"))


def test_an_endless_answer_is_ended() -> None:
    def send_endlessly(handler: Handler) -> None:
        handler.begin()
        while True:
            handler.say(f'data: {{"choices":[{{"delta":{{"content":"{"x" * 10_000}"}}}}]}}\n')

    assert str(MAX_ANSWER_CHARACTERS) in str(failure(send_endlessly))


def test_a_provider_that_never_begins_is_left() -> None:
    assert "silent for 0.2" in str(failure(Handler.wait_until_left, first=0.2))


def test_a_provider_that_falls_silent_is_left() -> None:
    def hang(handler: Handler) -> None:
        handler.begin()
        handler.say(openai_events("x", reason=None, end=False))
        handler.wait_until_left()

    assert "silent for 0.2" in str(failure(hang, idle=0.2))


def test_a_server_that_does_not_listen_is_an_error() -> None:
    with pytest.raises(ModelError, match="did not answer"):
        ask(model(f"http://127.0.0.1:{fake_provider.free_port()}"))


def test_an_answer_cut_within_a_chunk_stopped_midway() -> None:
    def cut(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.begin(transfer_encoding="chunked")
        handler.say("ff\r\ndata: ")

    assert "middle" in str(failure(cut))


@pytest.mark.parametrize("begun", [False, True])
def test_closing_the_iterator_closes_the_connection_at_once(begun: bool) -> None:
    request_arrived = threading.Event()

    def hang(handler: Handler) -> None:
        if begun:
            handler.begin()
            handler.say(openai_events("x", reason=None, end=False))
        request_arrived.set()
        handler.wait_until_left()

    async def run(url: str) -> None:
        reading = asyncio.create_task(anext(aiter(answer(model(url), MESSAGES, PATIENT))))
        if begun:
            assert await reading == Delta("x")
            return
        await asyncio.to_thread(request_arrived.wait)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    with provider(hang) as found:
        asyncio.run(run(found.url))
        assert found.left.wait(10)


ONE_AND_TWO = [{"id": "one", "model": "x"}, {"id": "two"}]
MODELS: list[dict[str, Any]] = [
    {"name": "a", "protocol": "openai", "url": "http://h:1", "key_env": "KEY", "models": ONE_AND_TWO},
    {"name": "b", "protocol": "anthropic", "key": "kk", "models": [{"id": "three", "max_output_tokens": 5}]},
]


def test_the_catalog_is_in_the_order_of_preference() -> None:
    catalog = parse(json.dumps(MODELS), {"KEY": "s3cret"})
    assert catalog.ids == ["one", "two", "three"]
    first, second, third = catalog.in_order(None, ["two", "three", "two", "no"])
    assert (first.provider.url, first.provider.key, first.provider_id, second.provider_id) == (
        "http://h:1/v1",
        "s3cret",
        "x",
        "two",
    )
    assert (third.provider.url, third.max_tokens) == ("https://api.anthropic.com", 5)
    assert "s3cret" not in repr(first)
    assert [found.id for found in catalog.in_order("three", ["one"])] == ["three", "one"]
    assert catalog.in_order("no", []) == []


@pytest.mark.parametrize(
    "url, protocol, base",
    [
        ("https://h/v1/", "openai", "https://h/v1"),
        ("https://h/openai/v4", "openai", "https://h/openai/v4"),
        ("https://h/v1", "anthropic", "https://h"),
        ("http://h:11434/", "ollama", "http://h:11434"),
    ],
)
def test_addresses(url: str, protocol: str, base: str) -> None:
    [found] = parse(json.dumps([{"protocol": protocol, "url": url, "models": [{"id": "m"}]}]), {}).in_order(None, [])
    assert found.provider.url == base


@pytest.mark.parametrize(
    "text, named",
    [
        ("{", "JSON"),
        ("{}", "list"),
        ("[]", "no model"),
        ("[3]", r"MODELS\[0\]"),
        ('[{"protocol": "x"}]', "protocol"),
        ('[{"protocol": "openai", "url": "ftp://h", "models": []}]', "url"),
        ('[{"protocol": "openai"}]', "models"),
        ('[{"protocol": "openai", "key_env": "NO", "models": []}]', "NO"),
        ('[{"protocol": "openai", "models": [{}]}]', r"models\[0\].id"),
        ('[{"protocol": "openai", "models": [{"id": "a", "max_output_tokens": "9"}]}]', "max_output_tokens"),
        ('[{"protocol": "openai", "idle_seconds": -1, "models": [{"id": "a"}]}]', "idle_seconds"),
    ],
)
def test_a_wrong_setting_is_named(text: str, named: str) -> None:
    with pytest.raises(Misconfigured, match=named):
        parse(text, {})

"""Every protocol over real sockets, against servers written to its documentation: what is read, and that no server can
hang, flood or confuse a caller."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from chalicelib.domain.models.chat import (
    ChatRequest,
    CredentialRefused,
    Delta,
    Done,
    Event,
    Events,
    Message,
    ModelFailure,
    ProviderBusy,
    ProviderFailed,
    ProviderTimedOut,
    RequestRefused,
)
from chalicelib.providers.models import anthropic, ollama, openai, streaming
from chalicelib.providers.models.streaming import Endpoint
from tests.support.model_servers import (
    KEY,
    RETRY_AFTER_S,
    AnthropicServer,
    Mode,
    ModelServer,
    OllamaServer,
    OpenAiServer,
    serving,
)

pytestmark = pytest.mark.usefixtures("on_this_machine")

REQUEST = ChatRequest(
    model="some-model",
    messages=(
        Message("system", "You are brief."),
        Message("user", "Say"),
        Message("assistant", "What?"),
        Message("user", "one two ünïcode 🎈"),
    ),
    max_tokens=100,
    temperature=0.7,
    top_p=0.95,
)
TEXT = "one two ünïcode 🎈 "


class Protocol(NamedTuple):
    """A protocol and a server that speaks it."""

    stream: Callable[[Endpoint, ChatRequest], Events]
    server: ModelServer
    base: str

    def call(self, request: ChatRequest = REQUEST, **more: Any) -> list[Event]:
        return list(self.stream(self.endpoint(**more), request))

    def endpoint(self, **more: Any) -> Endpoint:
        return Endpoint(**({"url": self.base, "idle_seconds": 5, "total_seconds": 10} | more))

    def failure(self, mode: Mode = "good", **more: Any) -> ModelFailure:
        self.server.mode = mode
        with pytest.raises(ModelFailure) as caught:
            self.call(**more)
        return caught.value


KINDS: dict[str, tuple[Any, type[ModelServer], str]] = {
    "openai": (openai.stream, OpenAiServer, "/v1"),
    "anthropic": (anthropic.stream, AnthropicServer, ""),
    "ollama": (ollama.stream, OllamaServer, ""),
}


@pytest.fixture(params=KINDS)
def protocol(request: pytest.FixtureRequest) -> Iterator[Protocol]:
    stream, server_class, path = KINDS[request.param]
    server = server_class()
    with serving(server) as url:
        yield Protocol(stream, server, url + path)


def test_the_text_comes_in_pieces_and_then_its_end_with_counts(protocol: Protocol) -> None:
    *deltas, done = protocol.call()
    assert deltas == [Delta("one "), Delta("two "), Delta("ünïcode "), Delta("🎈 ")]
    system = 0 if protocol.stream is anthropic.stream else 3
    assert done == Done("stop", system + 6, 4)


def test_a_server_that_counts_no_tokens_is_understood(protocol: Protocol) -> None:
    protocol.server.mode = "no usage"
    assert protocol.call()[-1] == Done("stop", None, None)


def test_the_first_piece_is_there_before_the_rest_is_sent(protocol: Protocol) -> None:
    protocol.server.mode = "hang"
    events = protocol.stream(protocol.endpoint(idle_seconds=0.3), REQUEST)
    assert next(events) == Delta("one ")
    with pytest.raises(ProviderFailed, match="timed out"):
        list(events)


def test_the_caller_can_leave_at_any_time(protocol: Protocol) -> None:
    protocol.server.mode = "flood"
    events = protocol.stream(protocol.endpoint(), REQUEST)
    assert next(events) == Delta("one ")
    events.close()  # type: ignore[attr-defined]


FAILURES: dict[Mode, tuple[type[ModelFailure], str]] = {
    "garbage": (ProviderFailed, "not what this protocol says"),
    "hang": (ProviderTimedOut, "timed out"),
    "silent": (ProviderTimedOut, "timed out"),
    "midway": (ProviderFailed, "without a complete answer"),
    "endless line": (ProviderFailed, "line of the answer is longer"),
    "rate limited": (ProviderBusy, "Rate limit reached"),
    "overloaded": (ProviderBusy, "Overloaded"),
    "broken": (ProviderFailed, "Internal server error"),
}


@pytest.mark.parametrize("mode", FAILURES)
def test_a_server_that_does_not_answer_well_is_a_failure_of_a_known_kind(protocol: Protocol, mode: Mode) -> None:
    kind, words = FAILURES[mode]
    failure = protocol.failure(mode, idle_seconds=0.3)
    assert type(failure) is kind
    assert words in str(failure)
    assert failure.is_retryable


def test_a_page_in_place_of_an_answer_is_a_failure(protocol: Protocol) -> None:
    assert type(protocol.failure("html")) is ProviderFailed


def test_a_server_that_asks_for_a_pause_is_obeyed(protocol: Protocol) -> None:
    failure = protocol.failure("rate limited")
    assert (failure.status, failure.rest_ms) == (429, RETRY_AFTER_S * 1000)
    assert protocol.failure("overloaded").rest_ms is None


@pytest.mark.parametrize("limit", ["bytes", "seconds"])
def test_an_answer_without_end_is_bounded(protocol: Protocol, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MAX_BYTES", 100_000 if limit == "bytes" else 10**12)
    failure = protocol.failure("flood", total_seconds=10 if limit == "bytes" else 0.3)
    assert type(failure) is (ProviderFailed if limit == "bytes" else ProviderTimedOut)
    assert ("larger than 100000 bytes" if limit == "bytes" else "timed out") in str(failure)


def test_an_error_that_comes_midway_is_the_provider_s(protocol: Protocol) -> None:
    failure = protocol.failure("error midway")
    busy = protocol.stream is anthropic.stream
    assert type(failure) is (ProviderBusy if busy else ProviderFailed)
    assert failure.is_retryable


def test_the_key_is_sent_and_a_wrong_one_is_refused_without_being_repeated(protocol: Protocol) -> None:
    protocol.server.key = KEY
    assert protocol.call(key=KEY)[-1] == Done("stop", protocol.call(key=KEY)[-1][1], 4)
    protocol.server.key = "another-" + KEY
    failure = protocol.failure(key=KEY)
    assert type(failure) is CredentialRefused
    assert not failure.is_retryable
    assert KEY not in str(failure)


def test_a_key_that_its_provider_masks_is_not_repeated_in_part() -> None:
    words = "Incorrect API key provided: sk-proj-****abcd. Your plan ** is small."
    assert Endpoint("https://models.example", KEY).redact(words) == (
        "Incorrect API key provided: *** Your plan ** is small."
    )


def test_an_unknown_model_is_a_refusal_that_says_so(protocol: Protocol) -> None:
    protocol.server.models = ("other",)
    failure = protocol.failure()
    assert type(failure) is RequestRefused
    assert str(failure) == "model 'some-model' not found"
    assert not failure.is_retryable


def test_a_wrong_path_is_a_refusal(protocol: Protocol) -> None:
    failure = protocol.failure(url=protocol.base + "/nowhere")
    assert (type(failure), failure.status) == (RequestRefused, 404)


def test_a_server_that_is_not_there_is_a_failure_that_may_pass(protocol: Protocol) -> None:
    failure = protocol.failure(url="http://127.0.0.1:1")
    assert (type(failure), failure.is_retryable) == (ProviderFailed, True)
    assert "refused the connection" in str(failure)


@pytest.mark.usefixtures("in_aws")
def test_a_provider_within_the_deployment_s_network_is_not_called(protocol: Protocol) -> None:
    failure = protocol.failure(url="https://169.254.169.254")
    assert (type(failure), failure.is_retryable) == (RequestRefused, False)
    assert protocol.server.requests == []


def test_lone_surrogates_and_wrong_types_do_no_harm(protocol: Protocol) -> None:
    protocol.server.text = "a\ud800b"
    assert protocol.call()[0] == Delta("a?b ")
    strange = ChatRequest(model="m", messages=(Message("user", "a\ud800b"),), max_tokens=1)
    assert protocol.call(strange)[-1][0] == "stop"


def test_parameters_that_are_not_chosen_are_not_sent(protocol: Protocol) -> None:
    protocol.call(ChatRequest(model="m", messages=(Message("user", "hi"),), max_tokens=9))
    said = protocol.server.requests[0].body
    assert not {"temperature", "top_p", "system"} & (said.keys() | said.get("options", {}).keys())


# What is particular to one protocol


def read_events(server: ModelServer, path: str, request: ChatRequest = REQUEST) -> list[Event]:
    stream = {"/v1": openai.stream, "/a": anthropic.stream}[path]
    with serving(server) as url:
        return list(stream(Endpoint(url + path.replace("/a", ""), idle_seconds=5, total_seconds=10), request))


def test_openai_gets_the_parameters_by_their_names() -> None:
    server = OpenAiServer()
    read_events(server, "/v1")
    body = server.requests[0].body
    assert (body["model"], body["max_tokens"], body["temperature"], body["top_p"]) == ("some-model", 100, 0.7, 0.95)
    assert body["messages"][0] == {"role": "system", "content": "You are brief."}
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_openai_s_newer_models_get_the_request_without_what_they_refuse() -> None:
    server = OpenAiServer(strict=True)
    assert read_events(server, "/v1")[-1].reason == "stop"  # type: ignore[union-attr]
    names = [
        sorted(asked.body.keys() & {"max_tokens", "max_completion_tokens", "temperature"}) for asked in server.requests
    ]
    assert names == [["max_tokens", "temperature"], ["max_completion_tokens", "temperature"], ["max_completion_tokens"]]


@pytest.mark.parametrize(("status", "number"), [(400, 2), (422, 2), (404, 1)])
def test_a_server_that_knows_no_counts_of_tokens_in_a_stream_is_asked_without(status: int, number: int) -> None:
    class Old(OpenAiServer):
        def find_refusal(self, said: Any) -> Any:
            words = "Extra inputs are not permitted: stream_options"
            return self.refusal(status, "invalid", words) if "stream_options" in said else None

    server = Old()
    if number == 1:
        with pytest.raises(RequestRefused):
            read_events(server, "/v1")
    else:
        assert read_events(server, "/v1")[-1] == Done("stop", None, None)
    assert len(server.requests) == number


def test_an_account_of_openai_without_credit_is_a_matter_of_the_credential() -> None:
    class Poor(OpenAiServer):
        def find_refusal(self, said: Any) -> Any:
            return self.refusal(429, "insufficient_quota", "You exceeded your current quota")

    with pytest.raises(CredentialRefused, match="quota"):
        read_events(Poor(), "/v1")


@pytest.mark.parametrize(("code", "kind"), [(500, ProviderFailed), (400, RequestRefused), (503, ProviderBusy)])
def test_an_error_midway_with_a_code_is_judged_by_it(code: int, kind: type[ModelFailure]) -> None:
    class LlamaCpp(OpenAiServer):
        def error_event(self) -> bytes:
            return b'data: {"error": {"code": %d, "message": "context is full", "type": "x"}}\n\n' % code

    with pytest.raises(kind, match="context is full"):
        read_events(LlamaCpp("error midway"), "/v1")


@pytest.mark.parametrize(("kind", "beginning"), [("openai", b"data: {"), ("ollama", b"{")])
def test_an_error_that_is_null_is_none(kind: str, beginning: bytes) -> None:
    stream, server_class, path = KINDS[kind]

    class WithNull(server_class):  # type: ignore[misc, valid-type]
        def answer(self, request: Any, *, usage: bool) -> Iterator[bytes]:
            for piece in super().answer(request, usage=usage):
                yield piece.replace(beginning, beginning + b'"error": null, ', 1)

    with serving(WithNull()) as url:
        *deltas, done = stream(Endpoint(url + path, idle_seconds=5, total_seconds=10), REQUEST)
    assert "".join(delta.text for delta in deltas) == TEXT
    assert isinstance(done, Done)


def test_anthropic_gets_the_system_apart_and_one_way_of_sampling() -> None:
    server = AnthropicServer()
    read_events(server, "/a")
    [request] = server.requests
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert (request.body["system"], request.body["max_tokens"], request.body["temperature"]) == (
        "You are brief.",
        100,
        0.7,
    )
    assert [message["role"] for message in request.body["messages"]] == ["user", "assistant", "user"]
    assert "top_p" not in request.body


def test_anthropic_s_cached_input_counts_as_input() -> None:
    class Caching(AnthropicServer):
        def tokens_in(self, said: Any) -> int:
            return 5

        def answer(self, said: Any, *, usage: bool) -> Iterator[bytes]:
            for piece in super().answer(said, usage=usage):
                counted = b'"input_tokens": 5, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5'
                yield piece.replace(b'"input_tokens": 5', counted)

    assert read_events(Caching(), "/a")[-1] == Done("stop", 100, 4)


def test_ollama_gets_its_options() -> None:
    server = OllamaServer()
    with serving(server) as url:
        list(ollama.stream(Endpoint(url), REQUEST))
    assert server.requests[0].body["options"] == {"num_predict": 100, "temperature": 0.7, "top_p": 0.95}

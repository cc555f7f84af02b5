"""Bedrock's ConverseStream by the real AWS client, against a server that speaks AWS's binary event stream."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from chalicelib.domain.models.chat import (
    ChatRequest,
    CredentialRefused,
    Delta,
    Done,
    Event,
    Message,
    ModelFailure,
    ProviderBusy,
    ProviderFailed,
    ProviderTimedOut,
    RequestRefused,
)
from chalicelib.storage.aws import bedrock
from tests.support.model_servers import BedrockServer, Mode, Reply, serving

REQUEST = ChatRequest(
    model="anthropic.claude-x:0",
    messages=(Message("system", "You are brief."), Message("user", "one two ünïcode")),
    max_tokens=100,
    temperature=0.7,
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BedrockServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    yield BedrockServer()
    bedrock._client.cache_clear()


def call(server: BedrockServer, request: ChatRequest = REQUEST, total: float = 10) -> list[Event]:
    with serving(server) as url, closing(bedrock._client("eu-west-1", url, 0.5)):
        return list(bedrock.stream(request, region="eu-west-1", url=url, idle_seconds=0.5, total_seconds=total))


def test_the_text_comes_in_pieces_and_then_its_end_with_counts(server: BedrockServer) -> None:
    assert call(server) == [Delta("one "), Delta("two "), Delta("ünïcode "), Done("stop", 9, 3)]
    [request] = server.requests
    assert request.path == "/model/anthropic.claude-x%3A0/converse-stream"
    assert request.body == {
        "messages": [{"role": "user", "content": [{"text": "one two ünïcode"}]}],
        "system": [{"text": "You are brief."}],
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.7},
    }
    assert "eu-west-1" in request.headers["authorization"]


def test_an_answer_without_counts_is_understood(server: BedrockServer) -> None:
    server.mode = "no usage"
    assert call(server)[-1] == Done("stop", None, None)


@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [
        ("garbage", ProviderFailed, "no complete answer"),
        ("hang", ProviderTimedOut, "no complete answer"),
        ("silent", ProviderTimedOut, "no complete answer"),
        ("midway", ProviderFailed, "no complete answer"),
        ("rate limited", ProviderBusy, "Rate limit reached"),
        ("overloaded", ProviderBusy, "Overloaded"),
        ("broken", ProviderFailed, "Internal server error"),
        ("error midway", ProviderBusy, "Too many tokens"),
    ],
)
def test_what_goes_wrong_is_a_failure_of_a_known_kind(
    server: BedrockServer, mode: Mode, kind: type[ModelFailure], words: str
) -> None:
    server.mode = mode
    with pytest.raises(ModelFailure, match=words) as caught:
        call(server)
    assert type(caught.value) is kind
    assert len(server.requests) == 1, "retries are the caller's"


def test_an_answer_without_end_is_bounded(server: BedrockServer) -> None:
    server.mode = "flood"
    with pytest.raises(ProviderFailed, match="timed out"):
        call(server, total=0.3)


def test_an_unknown_model_is_a_refusal(server: BedrockServer) -> None:
    server.models = ("other",)
    with pytest.raises(RequestRefused):
        call(server)


def test_a_deployment_without_the_permission_gets_an_error_that_says_so(server: BedrockServer) -> None:
    class Denying(BedrockServer):
        def find_refusal(self, said: Any) -> Reply | None:
            return self.refusal(403, "x", "not authorized to perform: bedrock:InvokeModelWithResponseStream")

    with pytest.raises(CredentialRefused, match="not authorized"):
        call(Denying())


def test_a_server_that_is_not_there_is_a_failure_that_may_pass(server: BedrockServer) -> None:
    events = bedrock.stream(REQUEST, region="eu-west-1", url="http://127.0.0.1:1", idle_seconds=0.5, total_seconds=5)
    with pytest.raises(ProviderFailed, match="EndpointConnectionError"):
        next(events)


def test_calls_with_different_times_left_share_a_client(server: BedrockServer) -> None:
    """Each client costs a connection pool and megabytes."""
    with serving(server) as url:
        for left in (9.91, 9.82, 9.73):
            bedrock_call = bedrock.stream(REQUEST, region="eu-west-1", url=url, idle_seconds=60, total_seconds=left)
            assert [*bedrock_call]
        bedrock._client("eu-west-1", url, 10).close()
    assert bedrock._client.cache_info().currsize == 1
    assert bedrock._client.cache_info().maxsize is not None

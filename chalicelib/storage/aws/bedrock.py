"""Language models of Amazon Bedrock: ConverseStream, as the events of domain/models/chat.py."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from math import ceil
from typing import Any

from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as StreamTimeoutError

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.models.chat import (
    ChatRequest,
    Delta,
    Done,
    Events,
    ModelFailure,
    ProviderFailed,
    ProviderTimedOut,
    Reason,
    failure_of_status,
    reason_of,
)

_STATUSES = {
    "throttlingException": 429,
    "serviceUnavailableException": 503,
    "modelNotReadyException": 503,
    "internalServerException": 500,
    "modelErrorException": 500,
    "modelStreamErrorException": 500,
    "modelTimeoutException": 504,
    "accessDeniedException": 403,
    "unrecognizedClientException": 403,
    "expiredTokenException": 403,
    "resourceNotFoundException": 404,
    "validationException": 400,
    "serviceQuotaExceededException": 429,
}
"""Error code, its first letter in lower case as in a stream -> the status that means the same."""


def stream(request: ChatRequest, *, region: str, url: str, idle_seconds: float, total_seconds: float) -> Events:
    """The model's answer. An empty `region` is the deployment's own, an empty `url` the region's endpoint. Raises
    ModelFailure."""
    ends_at = clock.stopwatch() + total_seconds
    try:
        client = _client(region or settings().region, url, ceil(min(idle_seconds, total_seconds)))
        response = client.converse_stream(**_arguments(request))
        with closing(response["stream"]) as events:
            yield from _read(_until(events, ends_at))
    except ClientError as error:
        raise _failure(error) from None
    except (BotoCoreError, ParserError, HTTPError) as error:
        # A stream that breaks raises urllib3's errors.
        kind = ProviderTimedOut if isinstance(error, ReadTimeoutError | StreamTimeoutError) else ProviderFailed
        raise kind(f"no complete answer: {type(error).__name__}") from None


@lru_cache(maxsize=8)
def _client(region: str, url: str, idle_seconds: int) -> Any:
    import boto3

    # Retries are the caller's, who also knows other models.
    config = Config(connect_timeout=3, read_timeout=idle_seconds, retries={"total_max_attempts": 1})
    return boto3.client("bedrock-runtime", region_name=region, endpoint_url=url or None, config=config)


def _arguments(request: ChatRequest) -> dict[str, Any]:
    chosen = {"maxTokens": request.max_tokens, "temperature": request.temperature, "topP": request.top_p}
    system = {"system": [{"text": request.system}]} if request.system else {}
    return {
        "modelId": request.model,
        "messages": [{"role": role, "content": [{"text": content}]} for role, content in request.dialogue],
        "inferenceConfig": {name: value for name, value in chosen.items() if value is not None},
        **system,
    }


def _until(events: Iterator[Mapping[str, Any]], ends_at: float) -> Iterator[Mapping[str, Any]]:
    for event in events:
        if clock.stopwatch() > ends_at:
            raise ProviderTimedOut("no complete answer: timed out")
        yield event


def _read(events: Iterator[Mapping[str, Any]]) -> Events:
    reason: Reason | None = None
    usage: Mapping[str, int] = {}
    for event in events:
        if text := event.get("contentBlockDelta", {}).get("delta", {}).get("text"):
            yield Delta(text)
        elif "messageStop" in event:
            reason = reason_of(event["messageStop"]["stopReason"])
        elif "metadata" in event:
            usage = event["metadata"]["usage"]
    if reason is None:
        raise ProviderFailed("the answer stopped midway")
    yield Done(reason, usage.get("inputTokens"), usage.get("outputTokens"))


def _failure(error: ClientError) -> ModelFailure:
    details: Mapping[str, Any] = error.response
    code = str(details["Error"].get("Code", ""))
    status = _STATUSES.get(code[:1].lower() + code[1:]) or int(details["ResponseMetadata"].get("HTTPStatusCode", 500))
    return failure_of_status(status, str(details["Error"].get("Message", "")))

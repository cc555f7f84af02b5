"""Amazon Bedrock through boto3's `converse_stream`. boto3 is optional, and loaded when a model of Bedrock is asked."""

from collections.abc import Iterator
from typing import Any

from code_worker.models.catalog import Model
from code_worker.models.events import Delta, Done, ModelError, StoppedMidway

RETRYABLE = frozenset(
    {"ThrottlingException", "ServiceUnavailableException", "InternalServerException", "ModelTimeoutException",
     "ModelNotReadyException", "ModelStreamErrorException"}
)  # fmt: skip


class Source:
    """One request; `close` may be called from another thread."""

    def __init__(self, model: Model, messages: list[dict[str, str]], first_seconds: float) -> None:
        self._model, self._messages = model, messages
        self._seconds = max(first_seconds, model.provider.idle_seconds)
        self._stream: Any = None

    def events(self) -> Iterator[Delta | Done]:
        """Iterate over the model's answer. Raises ModelError."""
        client, errors = self._client()
        try:
            self._stream = client.converse_stream(**self._request())["stream"]
            yield from _read(self._stream)
        except errors.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise ModelError(f"Bedrock refused: {code}", retryable=code in RETRYABLE) from None
        except (errors.BotoCoreError, errors.HTTPClientError) as error:
            raise ModelError(f"Bedrock did not answer ({type(error).__name__})") from None

    def close(self) -> None:
        """End the request."""
        if self._stream is not None:
            self._stream.close()

    def release(self) -> None:
        """Free the connection; called by the reading thread."""
        self.close()

    def _client(self) -> tuple[Any, Any]:
        try:
            import boto3
            from botocore import config, exceptions
        except ImportError:
            raise ModelError("boto3 is not installed, which Bedrock needs", retryable=False) from None
        settings = config.Config(connect_timeout=10, read_timeout=self._seconds, retries={"max_attempts": 1})
        url, region = self._model.provider.url or None, self._model.provider.region or None
        try:
            client = boto3.client("bedrock-runtime", config=settings, endpoint_url=url, region_name=region)
            return client, exceptions
        except exceptions.BotoCoreError as error:
            raise ModelError(f"Bedrock cannot be asked ({type(error).__name__})", retryable=False) from None

    def _request(self) -> dict[str, Any]:
        conversation = [message for message in self._messages if message["role"] != "system"]
        system = [{"text": message["content"]} for message in self._messages if message["role"] == "system"]
        sampling = {"temperature": self._model.sampling.temperature, "topP": self._model.sampling.top_p}
        chosen = {name: value for name, value in sampling.items() if value is not None}
        return {
            "modelId": self._model.provider_id,
            "messages": [{"role": each["role"], "content": [{"text": each["content"]}]} for each in conversation],
            "inferenceConfig": {"maxTokens": self._model.max_tokens, **chosen},
        } | ({"system": system} if system else {})


def _read(stream: Any) -> Iterator[Delta | Done]:
    reason, usage = "", {}
    for event in stream:
        if "contentBlockDelta" in event:
            if text := event["contentBlockDelta"]["delta"].get("text"):
                yield Delta(text)
        elif "messageStop" in event:
            reason = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            usage = event["metadata"].get("usage", {})
    if not reason:
        raise StoppedMidway
    yield Done(reason == "max_tokens", usage.get("inputTokens", 0), usage.get("outputTokens", 0))

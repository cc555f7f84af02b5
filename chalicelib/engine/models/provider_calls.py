"""One call of one model: within the provider's limit of concurrent calls and not while it rests, by its protocol."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress

from chalicelib import clock
from chalicelib.domain.models.catalogue import Entry, Provider
from chalicelib.domain.models.chat import ChatRequest, CredentialRefused, Event, Events, ModelInstalling, ProviderBusy
from chalicelib.engine.models import catalogue
from chalicelib.engine.security import long_call_slots
from chalicelib.errors import Unavailable
from chalicelib.storage.access.long_call_slots import Refusal

INSTALLING_REST_MS = 5_000
FULL_REST_MS = 1_000
"""How long to wait when as many calls run as the provider may have."""
MAX_SECONDS = 600
"""The longest call. A slot of a call whose process died is held for so long."""
SHARED = "#shared"
"""In the place of an org, for providers whose key all orgs share. No org's name holds a "#"."""


def call(org: str, entry: Entry, request: ChatRequest, seconds: float) -> Generator[Event, None, None]:
    """The model's answer, within so many seconds, MAX_SECONDS at most. Two calls of DynamoDB, one more where the
    provider asks for a rest.

    Raises ModelFailure; ProviderBusy without a call of the provider where none of its slots is free.
    """
    _require_active(entry)
    with _provider_slot(org, entry.provider):
        yield from _open(entry.provider, request, min(seconds, MAX_SECONDS))


def _require_active(entry: Entry) -> None:
    status = catalogue.model_status(entry)
    if status == "installing":
        raise ModelInstalling("the model is being installed", rest_ms=INSTALLING_REST_MS, was_called=False)
    if status == "unavailable":
        raise CredentialRefused("the provider's key or its optional packages are missing", was_called=False)


@contextmanager
def _provider_slot(org: str, provider: Provider) -> Iterator[None]:
    """Hold one of the provider's slots. A provider that asks for a rest is not called by anybody meanwhile."""
    scope, kind = (org if provider.is_own_key else SHARED), f"model:{provider.name}"
    with long_call_slots.try_slot(scope, kind, provider.concurrency, MAX_SECONDS) as refusal:
        if refusal is not None:
            raise _no_slot(refusal, provider)
        try:
            yield
        except ProviderBusy as busy:
            if busy.rest_ms:
                with suppress(Unavailable):  # others find out for themselves
                    long_call_slots.rest(scope, kind, busy.rest_ms)
            raise


def _no_slot(refusal: Refusal, provider: Provider) -> ProviderBusy:
    rest_ms = refusal.rest_until_ms - clock.now()
    if rest_ms > 0:
        return ProviderBusy("the provider asked for a pause", rest_ms=rest_ms, was_called=False)
    words = f"{provider.concurrency} calls are running, which is its limit"
    return ProviderBusy(words, rest_ms=FULL_REST_MS, was_called=False)


def _open(provider: Provider, request: ChatRequest, seconds: float) -> Events:
    # Imported here: a function that only lists models does not wait for it.
    from chalicelib.providers.models import anthropic, ollama, openai
    from chalicelib.providers.models.streaming import Endpoint
    from chalicelib.storage.aws import bedrock

    idle = min(provider.idle_seconds, seconds)
    if provider.protocol == "bedrock":
        return bedrock.stream(
            request, region=provider.region, url=provider.url, idle_seconds=idle, total_seconds=seconds
        )
    streams = {"openai": openai.stream, "anthropic": anthropic.stream, "ollama": ollama.stream}
    endpoint = Endpoint(provider.url, provider.key, provider.private, idle, seconds)
    return streams[provider.protocol](endpoint, request)

"""Have a model write a text: with retries, further models in their order, one deadline over all, and usage counted.

A model is tried again when its failure may pass, after the wait that the provider asks for. When that wait is too long,
or the failure will not pass, the next model is tried.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.models.catalogue import Entry
from chalicelib.domain.models.chat import (
    ChatRequest,
    Delta,
    Done,
    Message,
    ModelFailure,
    ModelInstalling,
    ProviderBusy,
    ProviderTimedOut,
    Reason,
)
from chalicelib.domain.texts import extraction
from chalicelib.engine.models import catalogue, current_model, metering, provider_calls
from chalicelib.engine.usage import ledger
from chalicelib.errors import Unavailable
from chalicelib.observability import logger

TRIES_PER_MODEL = 3
BACKOFF_MS = 500
"""The wait before the second try of a model whose provider names none; doubled each time, and shortened by chance."""
MAX_WAIT_MS = 20_000
"""A longer wait is left to the caller."""
MIN_CALL_SECONDS = 1.0
"""With less time left, no call is begun."""
DEFAULT_SECONDS = 120.0
DEFAULT_MAX_TOKENS = 1_024
UNCOUNTED = Done("other", None, None)
"""Of a call whose caller left before its end: what the model wrote is paid for, and nobody says how much it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked of a model. None is the org's own choice."""

    messages: tuple[Message, ...]
    model: str | None = None
    fallback: tuple[str, ...] = ()
    """Models to try, in this order, where the first does not answer."""
    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float | None = None
    top_p: float | None = None
    timeout_seconds: float = DEFAULT_SECONDS
    """For all tries and waits together."""


class Patience(NamedTuple):
    """What is done for somebody who waits, and cannot come again later as a queue can."""

    waits_for_slot: bool = False
    """Whether to wait for as long as there is time while the provider cannot be called. Else that is a try as any."""
    accepts_part: bool = False
    """Whether what a model has written when the time is over is an answer: one that is too long."""


NO_PATIENCE = Patience()


class Beginning(NamedTuple):
    """A model begins its answer. Another one follows if it fails: what came of the former is void."""

    model: str
    provider: str


Step = Beginning | Delta | Done


class Generated(NamedTuple):
    """A model's whole answer."""

    text: str
    model: str
    provider: str
    reason: Reason
    tokens_in: int | None
    tokens_out: int | None

    @property
    def whole_text(self) -> str:
        """The text; of one that ends before its end, the whole sentences."""
        return extraction.whole_sentences(self.text) if self.reason == "length" else self.text

    @property
    def tokens(self) -> int | None:
        """Tokens in both directions; None where the provider does not count them."""
        return None if self.tokens_in is None or self.tokens_out is None else self.tokens_in + self.tokens_out


def generate(org: str, ask: Ask, patience: Patience = NO_PATIENCE) -> Generated:
    """The answer of the first model that gives a whole one. Four calls of DynamoDB for one that succeeds at once.

    Raises the ModelFailure of the last model, NotConfigured, InvalidRequest for an unknown model, Unavailable.
    """
    beginning, texts, done = Beginning("", ""), list[str](), Done("other", None, None)
    for step in stream(org, ask, patience):
        match step:
            case Beginning():
                beginning, texts = step, []
            case Delta(text):
                texts.append(text)
            case Done():
                done = step
    text, (model, provider) = "".join(texts), beginning
    return Generated(text, model, provider, done.reason, done.tokens_in, done.tokens_out)


def stream(org: str, ask: Ask, patience: Patience = NO_PATIENCE) -> Iterator[Step]:
    """As `generate`, while the answer comes: a Beginning for each try, its Deltas, and at last Done.

    Whoever shows the text must take back what came before a further Beginning.
    """
    run = _Run(org, ask, patience)
    for place, entry in enumerate(run.entries, 1):
        if (yield from run.try_model(entry, is_last=place == len(run.entries))):
            return
    assert run.failure is not None
    raise run.failure


class _Run:
    """One ask, with its deadline and its latest failure."""

    def __init__(self, org: str, ask: Ask, patience: Patience) -> None:
        self._org, self._ask, self._patience = org, _with_org_choice(org, ask), patience
        self._ends_at = clock.steady() + ask.timeout_seconds * clock.SECOND
        self.failure: ModelFailure | None = None
        self.entries = _entries(org, self._ask)

    def try_model(self, entry: Entry, *, is_last: bool) -> Generator[Step, None, bool]:
        """Try one model until it answers, its failure will not pass, or time is over; returns whether it answered."""
        tries = 0
        while tries < TRIES_PER_MODEL:
            if self._seconds_left < MIN_CALL_SECONDS:
                self.failure = self.failure or ProviderTimedOut("there was no time left for an answer")
                return False
            yield Beginning(entry.model.id, entry.provider.name)
            if (yield from self._call(entry)):
                return True
            tries += not self._waits_for_slot
            if not self._wait(tries, is_last=is_last):
                return False
        return False

    def _call(self, entry: Entry) -> Generator[Step, None, bool]:
        call_id, done, is_begun = ids.new("call"), UNCOUNTED, False
        try:
            with closing(provider_calls.call(self._org, entry, self._request(entry), self._seconds_left)) as events:
                for event in events:
                    done = event if isinstance(event, Done) else done
                    is_begun = True
                    yield event
        except ModelFailure as failure:
            self.failure = failure
            if not (is_begun and self._accepts_part):
                _count_failure(self._org, call_id, entry, failure)
                return False
            _count(self._org, call_id, entry, UNCOUNTED)
            yield UNCOUNTED._replace(reason="length")
            return True
        except GeneratorExit:
            _count(self._org, call_id, entry, done)
            raise
        _count(self._org, call_id, entry, done)
        return True

    def _request(self, entry: Entry) -> ChatRequest:
        most = entry.model.max_output_tokens or self._ask.max_tokens
        return ChatRequest(
            model=entry.model.model,
            messages=self._ask.messages,
            max_tokens=min(self._ask.max_tokens, most),
            temperature=self._ask.temperature,
            top_p=self._ask.top_p,
        )

    @property
    def _waits_for_slot(self) -> bool:
        failure = self.failure
        return self._patience.waits_for_slot and isinstance(failure, ProviderBusy) and not failure.was_called

    @property
    def _accepts_part(self) -> bool:
        is_over = isinstance(self.failure, ProviderTimedOut) and self._seconds_left < MIN_CALL_SECONDS
        return self._patience.accepts_part and is_over

    @property
    def _seconds_left(self) -> float:
        return (self._ends_at - clock.steady()) / clock.SECOND

    def _wait(self, number: int, *, is_last: bool) -> bool:
        """Wait until the model can be tried again; returns whether that is worth it. Another model is not waited for
        longer than the backoff."""
        failure = self.failure
        if failure is None or not failure.is_retryable or number == TRIES_PER_MODEL:
            return False
        if isinstance(failure, ModelInstalling) and not self._patience.waits_for_slot:
            return False  # it takes minutes, and the caller can come again
        backoff_ms = BACKOFF_MS * 2 ** max(0, number - 1)
        wait_ms = failure.rest_ms if failure.rest_ms is not None else round(backoff_ms * (0.5 + ids.fraction() / 2))
        longest_ms = MAX_WAIT_MS if is_last else backoff_ms
        if wait_ms > min(longest_ms, (self._seconds_left - MIN_CALL_SECONDS) * clock.SECOND):
            return False
        clock.sleep(wait_ms / clock.SECOND)
        return True


def _with_org_choice(org: str, ask: Ask) -> Ask:
    """The ask with the org's model and parameters where it names none. One call, or none where it names all."""
    if None not in (ask.model, ask.temperature, ask.top_p):
        return ask
    current = current_model.get_current(org)
    return replace(
        ask,
        model=current.entry.model.id if ask.model is None else ask.model,
        temperature=current.temperature if ask.temperature is None else ask.temperature,
        top_p=current.top_p if ask.top_p is None else ask.top_p,
    )


def _entries(org: str, ask: Ask) -> list[Entry]:
    """The models to try, each once."""
    first = catalogue.find_model(org, ask.model or "", "model")
    others = [catalogue.find_model(org, model_id, "fallback") for model_id in ask.fallback]
    return list({entry.model.id: entry for entry in (first, *others)}.values())


def _count(org: str, call_id: str, entry: Entry, done: Done) -> None:
    try:
        metering.record(org, call_id, entry.model.id, done.tokens_in, done.tokens_out)
    except Unavailable:
        # The answer is worth more than its count; what it took stands in the log.
        logger().error(
            "A call of a model is not counted", extra={"org": org, "model": entry.model.id, **done._asdict()}
        )


def _count_failure(org: str, call_id: str, entry: Entry, failure: ModelFailure) -> None:
    facts = {"org": org, "model": entry.model.id, "kind": type(failure).__name__, "status": failure.status}
    if not failure.was_called:
        logger().info("A model was not called", extra=facts | {"reason": str(failure)})
        return
    logger().warning("A call of a model failed", extra=facts)
    try:
        ledger.record_failure(org, call_id, entry.model.id)
    except Unavailable:
        logger().error("A failed call of a model is not counted", extra=facts)

"""Chat tasks: calls of models that outlast a request. They are tasks of the pool `models`, and built-in performers
perform them on a queue of their own (docs/how-it-works/engine.md)."""

from dataclasses import asdict

from chalicelib.domain.models.catalogue import Entry
from chalicelib.domain.tasks.pools import MODELS_POOL
from chalicelib.domain.tasks.task import ConcurrencyLimit, Task
from chalicelib.engine.models import catalogue, current_model
from chalicelib.engine.models.generation import Ask
from chalicelib.engine.tasks import submission
from chalicelib.engine.tasks.submission import Submission

TYPE = "chat"
PRIORITY = 5
MAX_ATTEMPTS = 5
"""A provider may be busy for minutes; each attempt waits as long as the provider asks."""
MARGIN_SECONDS = 60
"""From the end of a call's time to the end of its attempt's."""


def chat_submission(org: str, ask: Ask, *, api: str, idempotency_key: str | None = None) -> Submission:
    """The submission of a chat task, whose tasks at one provider wait for one another. It can be changed before it is
    submitted.

    One call where the ask names no model. Raises NotConfigured, and InvalidRequest for an unknown model.
    """
    entry = _first_entry(org, ask)
    for model_id in ask.fallback:
        catalogue.find_model(org, model_id, "fallback")
    payload = asdict(ask) | {"messages": [message._asdict() for message in ask.messages], "model": entry.model.id}
    return Submission(
        pool=MODELS_POOL,
        type=TYPE,
        label=TYPE,
        priority=PRIORITY,
        payload=payload | {"fallback": list(ask.fallback)},
        capabilities=(TYPE,),
        concurrency_limit=ConcurrencyLimit(f"provider:{entry.provider.name}", entry.provider.concurrency),
        max_attempts=MAX_ATTEMPTS,
        timeout_seconds=round(ask.timeout_seconds) + MARGIN_SECONDS,
        api=api,
        idempotency_key=idempotency_key,
    )


def submit(org: str, subject: str, ask: Ask, *, api: str, idempotency_key: str | None = None) -> Task:
    """Submit a chat task. One call, one more where the ask names no model; raises as `chat_submission`."""
    return submission.submit(org, subject, chat_submission(org, ask, api=api, idempotency_key=idempotency_key))


def _first_entry(org: str, ask: Ask) -> Entry:
    """The model that is asked first. It is fixed when the task is submitted: a later switch does not change it."""
    return current_model.get_current(org).entry if ask.model is None else catalogue.find_model(org, ask.model, "model")

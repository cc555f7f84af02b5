"""What the house can do itself: small classes, each with a name, an input model and `perform`.

A performer is registered here under the pools that have it, by where its class is, so that a function that only needs
the name imports nothing of it.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from pydantic import BaseModel


class Performer(Protocol):
    """Does one type of task within seconds, from its own input and nothing else, as often as it is asked to."""

    name: ClassVar[str]
    """The task type."""
    input: ClassVar["type[BaseModel]"]
    """What the task's payload must be."""

    def perform(self, given: Any) -> Any:
        """The result, as JSON can hold it, of an `input`. Anything raised fails the attempt."""


REGISTERED: Mapping[str, Mapping[str, str]] = {
    "support": {"sentiment_analysis": "chalicelib.providers.performers.sentiment:SentimentAnalysis"},
}
"""Pool -> task type -> where its performer is."""


def names(pool: str) -> tuple[str, ...]:
    """The task types that the house performs itself in a pool."""
    return tuple(sorted(REGISTERED.get(pool, ())))


def find(pool: str, name: str) -> Performer | None:
    """The performer of a task type, or None when the house has none for it."""
    where = REGISTERED.get(pool, {}).get(name)
    return None if where is None else _made(where)


@cache
def _made(where: str) -> Performer:
    module, _, name = where.partition(":")
    made: Performer = getattr(importlib.import_module(module), name)()
    return made

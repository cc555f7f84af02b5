"""What the world performs itself in the simulation: it succeeds, fails, or does not like what it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from pydantic import BaseModel

from chalicelib.providers.performers import registry

POOL = "performed"
"""The pool that has it."""


class Given(BaseModel):
    """How often it is to fail before it succeeds is not its own affair: whoever submits says how it ends."""

    ends: str


class Toy:
    """Ends as it is told."""

    name: ClassVar[str] = "toy"
    input: ClassVar[type[BaseModel]] = Given

    def perform(self, given: Given) -> Any:
        if given.ends == "badly":
            raise RuntimeError("as it was told")
        return given.ends


@contextmanager
def performing() -> Iterator[None]:
    """Yardmaster can do toys."""
    where = f"{Toy.__module__}:{Toy.__qualname__}"
    with patch.object(registry, "PERFORMERS", {POOL: {Toy.name: where}}):
        yield

"""The outcomes of tests."""

from dataclasses import dataclass, field
from typing import Any, Literal

Source = Literal["caller", "model"]
MAX_NAME_CHARACTERS = 120
MAX_ERROR_CHARACTERS = 500
MAX_OUTPUT_CHARACTERS = 8_000
MAX_TESTS = 100


@dataclass(frozen=True)
class Verdict:
    """The outcome of one test, or why it was not finished."""

    name: str
    source: Source
    passed: bool
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """The JSON in a task's result. `error` is present only if there is one."""
        fields: dict[str, Any] = {"name": self.name[:MAX_NAME_CHARACTERS], "source": self.source, "passed": self.passed}
        return fields | ({"error": self.error[:MAX_ERROR_CHARACTERS]} if self.error else {})


@dataclass(frozen=True)
class Outcome:
    """All tests of a task. `note` explains the outcome to the reader: why nothing was run, what was cut."""

    tests: list[Verdict] = field(default_factory=list)
    execution_time_ms: int = 0
    output: str = ""
    note: str = ""

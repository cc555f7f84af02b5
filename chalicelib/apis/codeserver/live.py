"""The frames of the code server's workers beside those that every worker sends (docs/reference/websockets.md)."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from chalicelib.apis.worker_channel import Result
from chalicelib.edge import Schema

MAX_COUNT = 1_000_000_000


class ReportedTest(Schema):
    """One test that the worker has run on the code."""

    name: str
    source: Literal["caller", "model"] = Field(description="Whose test it is.")
    passed: bool
    error: str | None = None


class Usage(Schema):
    """What the language model used."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    tokens_in: int = Field(ge=0, le=MAX_COUNT)
    tokens_out: int = Field(ge=0, le=MAX_COUNT)


class CodeResult(Schema):
    """The code, and what is known about it."""

    code: str
    tests_passed: int = Field(default=0, ge=0, le=MAX_COUNT)
    tests_total: int = Field(default=0, ge=0, le=MAX_COUNT)
    execution_time_ms: float = Field(default=0, ge=0, le=MAX_COUNT)
    tests: list[ReportedTest] = Field(default_factory=list)
    output: str | None = None
    note: str | None = None
    usage: Usage | None = None

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if self.tests_passed > self.tests_total:
            raise ValueError("tests_passed must be at most tests_total")
        return self


class CodeResultFrame(Result):
    """The worker has completed the task."""

    result: CodeResult

    @property
    def value(self) -> Any:
        """The result as JSON, with the fields that the worker sent."""
        return self.result.model_dump(exclude_unset=True)

    def count_usage(self, org: str) -> None:
        """Count what the worker's language model used, once for the attempt. One call."""
        # Imported here: the workers of other APIs do not need it.
        from chalicelib.engine.models import metering

        usage = self.result.usage
        if usage is not None:
            metering.record(org, f"{self.task_id}:{self.attempt}", usage.model, usage.tokens_in, usage.tokens_out)

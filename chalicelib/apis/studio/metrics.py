"""What an org uses and what it costs (glad-labs.md, "Metrics & Analytics"): measured, or null."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib import clock, ids
from chalicelib.apis.studio.access import NAME
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.statistics.histograms import percentile
from chalicelib.domain.statistics.periods import Period
from chalicelib.domain.training.example import mean_quality
from chalicelib.domain.usage import Usage
from chalicelib.edge import Caller, Header, Instant, Routes, Schema
from chalicelib.engine.statistics import period_figures, recent, request_counts
from chalicelib.engine.tasks import idempotency
from chalicelib.engine.training import examples
from chalicelib.engine.usage import ledger
from chalicelib.engine.usage.ledger import PeriodUsage, TrackedMetric

routes = Routes("/api/metrics", tag="Metrics")

measure = request_counts.request_counter(NAME, counts_callers=True)
PeriodName = Literal["day", "week", "month"]
Unit = Literal["tokens", "requests", "duration", "usd"]
Name = Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,64}$")]
Tags = Annotated[dict[Name, Annotated[str, StringConstraints(max_length=256)]], Field(max_length=10)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]


class TrackedTotal(Schema):
    """The sum of what was tracked of a metric of your own."""

    metric_name: str
    unit: str
    total: float


class UsageOut(Schema):
    """What the org has used in the current day, week (from Monday) or month, in UTC."""

    period: PeriodName
    api_calls: int = Field(description="Requests to this API.")
    tokens_used: int = Field(description="Of language models, in both directions, by whichever API.")
    active_users: int = Field(description="How many different callers these requests had.")
    error_rate: float | None = Field(description="Requests answered 5xx as a share of all, 0 to 1; null without one.")

    tracked: list[TrackedTotal] = Field(
        description="What was tracked in the period, by name and unit. The document has no such field."
    )

    @classmethod
    def from_figures(cls, period: PeriodName, requests: Counts, used: PeriodUsage) -> Self:
        count = requests["requests"]
        return cls(
            period=period,
            api_calls=count,
            tokens_used=used.models.tokens,
            active_users=requests["callers"],
            error_rate=round(requests["errors"] / count, 4) if count else None,
            tracked=[TrackedTotal(metric_name=name, unit=unit, total=total) for name, unit, total in used.tracked],
        )


class CostBreakdown(Schema):
    """Costs by kind, in dollars."""

    api_calls: float | None = Field(description="Calls of language models, at the prices that MODELS names.")
    storage: float | None = Field(description="Null: AWS bills it by deployment and not by organization.")
    compute: float | None = Field(description="Null, as storage.")


class CostsOut(Schema):
    """What the current month (UTC) has cost, in dollars. Calls of models without a price add nothing; null where no
    call has one."""

    total_cost: float | None
    breakdown: CostBreakdown
    cost_per_task: float | None = Field(description="By completed content task; null without one.")

    @classmethod
    def from_figures(cls, models: Usage, completed: int) -> Self:
        cost = models.dollars
        return cls(
            total_cost=cost,
            breakdown=CostBreakdown(api_calls=cost, storage=None, compute=None),
            cost_per_task=round(cost / completed, 6) if cost is not None and completed else None,
        )


class ResponseTimes(Schema):
    """How fast this API answered the org's requests of the current day (UTC). The 99th percentile is off by at most a
    fifth. Null without a request."""

    avg_response_time_ms: int | None
    p99_response_time_ms: int | None

    @classmethod
    def from_counts(cls, counts: Counts) -> Self:
        requests, p99 = counts["requests"], percentile(counts.histogram, 0.99)
        return cls(
            avg_response_time_ms=round(counts["time_ms"] / requests) if requests else None,
            p99_response_time_ms=round(p99) if p99 is not None else None,
        )


class MetricsOut(Schema):
    """Usage and performance of the current day, costs of the current month (UTC)."""

    usage: UsageOut
    costs: CostsOut
    performance: ResponseTimes


class Summary(Schema):
    """The content tasks that are stored, and what the current month (UTC) has cost in dollars."""

    total_tasks: int
    completion_rate: float | None = Field(description="Completed ones as a share of all, 0 to 1; null without one.")
    avg_quality_score: float | None = Field(
        description="0 to 100: the mean of the newest 500 contents of workflows that people approved or rejected; null "
        "while none has a score."
    )
    total_cost: float | None = Field(description="As in /api/metrics/costs.")


class SummaryOut(Schema):
    """The summary."""

    summary: Summary


class TrackIn(Schema):
    """A value of a metric of your own. The metric `revenue` in `usd` is what business analysis counts as revenue."""

    metric_name: Name = Field(examples=["content_generation"])
    value: float = Field(ge=0, le=1e12, strict=True, examples=[100])
    unit: Unit = Field(description="A duration is in seconds.", examples=["tokens"])
    tags: Tags = Field(default={}, description="Kept with the value; figures are by metric and unit.")


class TrackedOut(Schema):
    """A value that was counted."""

    metric_name: str
    value: float
    unit: Unit
    tags: dict[str, str]
    counted: bool = Field(description="False for a value that was counted before under the same Idempotency-Key.")
    tracked_at: Instant


@routes.get("/usage")
def get_usage(caller: Caller, period: PeriodName = "day") -> UsageOut:
    """See what the org has used."""
    requests = period_figures.read_requests(caller.org, NAME, Period(period)).counts
    return UsageOut.from_figures(period, requests, ledger.read_period(caller.org, Period(period)))


@routes.get("/costs")
def get_costs(caller: Caller) -> CostsOut:
    """See what the current month has cost."""
    completed = period_figures.read_pool(caller.org, NAME, Period.MONTH)["completed"]
    return CostsOut.from_figures(ledger.read_usage(caller.org, Period.MONTH), completed)


@routes.get()
def get_metrics(caller: Caller) -> MetricsOut:
    """See usage, costs and performance."""
    requests = period_figures.read_requests(caller.org, NAME, Period.DAY).counts
    usage = UsageOut.from_figures("day", requests, ledger.read_period(caller.org, Period.DAY))
    return MetricsOut(usage=usage, costs=get_costs(caller), performance=ResponseTimes.from_counts(requests))


@routes.get("/summary")
def get_summary(caller: Caller) -> SummaryOut:
    """See the summary."""
    gauges = recent.read_recent(caller.org, NAME).gauges
    total, quality = gauges.stored_tasks, mean_quality(examples.read_sample(caller.org))
    summary = Summary(
        total_tasks=total,
        completion_rate=round(gauges["kept_completed"] / total, 4) if total else None,
        avg_quality_score=round(quality, 1) if quality is not None else None,
        total_cost=ledger.read_usage(caller.org, Period.MONTH).dollars,
    )
    return SummaryOut(summary=summary)


@routes.post("/track-usage", errors=[409])
def track_usage(caller: Caller, body: TrackIn, idempotency_key: IdempotencyKey = None) -> TrackedOut:
    """Count a value of a metric of your own. The same Idempotency-Key with the same body counts it once."""
    source = idempotency.scoped_key(NAME, caller.subject, idempotency_key) if idempotency_key else ids.new("usage")
    fields: dict[str, Any] = body.model_dump()
    counted = ledger.track(caller.org, source, TrackedMetric(**fields))
    # A source of its own was counted before only by this call, whose answer was lost.
    return TrackedOut(**fields, counted=counted or not idempotency_key, tracked_at=clock.now())

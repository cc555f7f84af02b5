"""Figures of workflows, measured: from the counters of the statistics, the usage of models, and what people decided."""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import Counts, Row
from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.training.example import mean_quality
from chalicelib.domain.usage import MICRODOLLARS, REVENUE, USD, total_metric, total_usage
from chalicelib.engine.contents import publication
from chalicelib.engine.training import examples
from chalicelib.engine.usage import ledger
from chalicelib.engine.workflows import registry
from chalicelib.storage.statistics import counters as counter_storage

DAYS = 30
"""UTC days that the figures of executions and of the business are of, today included."""
STEP_DAYS = 7
"""UTC days that the figures of steps are of."""


class StepFigures(NamedTuple):
    """The attempts of steps in the last STEP_DAYS; None without any."""

    completed_executions: int
    average_ms: int | None
    peak_ms: int | None  # the mean of the slowest step on its slowest day
    slowest_step: str | None  # by its mean


class Business(NamedTuple):
    """Figures of the last DAYS; None where they were not measured. Money is in dollars."""

    outputs: int  # contents that were published, also those that were deleted since
    cost_per_output: float | None
    return_on_investment: float | None
    quality_score: float | None  # 0-1


def read_executions(org: str) -> dict[str, Counts]:
    """What ended in the last DAYS, by workflow. One call for each three workflows."""
    names = [workflow.name for workflow in registry.find_all()]
    rows = {name: _label_rows(org, EXECUTIONS_POOL, name, DAYS) for name in names}
    stored = counter_storage.find_many([row for days in rows.values() for row in days])
    return {name: counters.total(stored[row] for row in days) for name, days in rows.items()}


def read_steps(org: str) -> StepFigures:
    """How long steps took. One call for each fourteen steps."""
    steps = {(step.pool, step.name) for workflow in registry.find_all() for step in workflow.steps}
    rows = {step: _label_rows(org, *step, STEP_DAYS) for step in sorted(steps)}
    executions = [row for each in registry.find_all() for row in _label_rows(org, EXECUTIONS_POOL, each.name, 1)]
    stored = counter_storage.find_many([*executions, *(row for days in rows.values() for row in days)])
    days = [stored[row] for of_step in rows.values() for row in of_step]
    means = {name: counters.total(stored[row] for row in of_step) for (_, name), of_step in rows.items()}
    slowest = max(means, key=lambda name: means[name].average_ms, default=None)
    total = counters.total(days)
    return StepFigures(
        completed_executions=counters.total(stored[row] for row in executions)["completed"],
        average_ms=total.average_ms if total["taken"] else None,
        peak_ms=max((day.average_ms for day in days), default=0) if total["taken"] else None,
        slowest_step=slowest if total["taken"] else None,
    )


def _label_rows(org: str, pool: str, label: str, days: int) -> list[Row]:
    today = counters.day_of(clock.now())
    row = counters.label_row(label)
    return [(counters.day_partition(org, pool, day), row) for day in range(today - days + 1, today + 1)]


def read_business(org: str) -> Business:
    """What published content cost and earned, and how good it is. Four calls, more where a day has many models."""
    now = clock.now()
    first, last = (clock.utc(at).date().isoformat() for at in (now - (DAYS - 1) * clock.DAY, now))
    usage = total_usage(ledger.read_models(org, first, last))
    revenue = total_metric(ledger.read_metrics(org, first, last), REVENUE, USD)
    outputs = publication.count_published(org, DAYS)
    cost = None if usage.unpriced or not usage.calls else usage.microdollars / MICRODOLLARS
    return Business(
        outputs=outputs,
        cost_per_output=round(cost / outputs, 4) if cost is not None and outputs else None,
        return_on_investment=round((revenue - cost) / cost, 2) if revenue is not None and cost else None,
        quality_score=_mean_quality(org, since=now - DAYS * clock.DAY),
    )


def _mean_quality(org: str, since: int) -> float | None:
    sample = examples.read_sample(org)
    mean = mean_quality(example for example in sample if example.approved and example.decided_at >= since)
    return round(mean / 100, 2) if mean is not None else None

"""The handlers of the schedules."""

from chalicelib.engine.schedule import stuck_report, sweep
from chalicelib.engine.statistics import rollup, task_gauges
from chalicelib.observability import count, observed


@observed
def handle_sweep() -> dict[str, int]:
    """Each minute: begin every part of the sweep in which anything is due."""
    return {"parts": sweep.enqueue_due_parts()}


@observed
def handle_gauges() -> dict[str, int]:
    """Every five minutes: report how many tasks wait, are held and run."""
    return {"pools": task_gauges.report_gauges()}


@observed
def handle_hourly_rollup() -> dict[str, int]:
    """Each hour: recount the hour before."""
    return {"pools": rollup.roll_up_hour()}


@observed
def handle_daily_rollup() -> dict[str, int]:
    """Each day: recount the days before."""
    return {"pools": rollup.roll_up_days()}


@observed
def handle_stuck_report() -> dict[str, int]:
    """Each day: report what is stuck."""
    found = len(stuck_report.report_stuck())
    count("Stuck", found)
    return {"stuck": found}

"""What a schedule's tick becomes."""

from chalicelib.engine.schedule import stuck_report, sweep
from chalicelib.engine.statistics import rollup, task_gauges
from chalicelib.observability import count, observed


@observed
def swept() -> dict[str, int]:
    """Each minute: every part of the sweep in which anything is due begins."""
    return {"parts": sweep.begin()}


@observed
def gauged() -> dict[str, int]:
    """Every five minutes: how many tasks wait, are held and run."""
    return {"pools": task_gauges.report_gauges()}


@observed
def hour_closed() -> dict[str, int]:
    """Each hour: the recount of the one before."""
    return {"pools": rollup.roll_up_hour()}


@observed
def day_closed() -> dict[str, int]:
    """Each day: the recount of the one before."""
    return {"pools": rollup.roll_up_days()}


@observed
def tidied() -> dict[str, int]:
    """Each day: the report of what is stuck."""
    found = len(stuck_report.stuck())
    count("Stuck", found)
    return {"stuck": found}

"""What a schedule's tick becomes."""

from chalicelib.engine import gauges, rollup, tidy, wake
from chalicelib.observability import count, observed


@observed
def swept() -> dict[str, int]:
    """Each minute: everything that is due."""
    settled = wake.sweep()
    count("Settled", settled)
    return {"settled": settled}


@observed
def gauged() -> dict[str, int]:
    """Every five minutes: how many tasks wait, are held and run."""
    return {"pools": gauges.report()}


@observed
def hour_closed() -> dict[str, int]:
    """Each hour: the recount of the one before."""
    return {"pools": rollup.hourly()}


@observed
def day_closed() -> dict[str, int]:
    """Each day: the recount of the one before."""
    return {"pools": rollup.daily()}


@observed
def tidied() -> dict[str, int]:
    """Each day: the report of what is stuck."""
    found = len(tidy.stuck())
    count("Stuck", found)
    return {"stuck": found}

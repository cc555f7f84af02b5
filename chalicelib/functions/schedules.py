"""What a schedule's tick becomes."""

from chalicelib.engine import rollup, tidy, wake


def swept() -> dict[str, int]:
    """Each minute: everything that is due."""
    return {"settled": wake.sweep()}


def hour_closed() -> dict[str, int]:
    """Each hour: the recount of the one before."""
    return {"pools": rollup.hourly()}


def day_closed() -> dict[str, int]:
    """Each day: the recount of the one before."""
    return {"pools": rollup.daily()}


def tidied() -> dict[str, int]:
    """Each day: the report of what is stuck."""
    return {"stuck": len(tidy.stuck())}

"""Lanes: in a pool, tasks with the same needs wait in one lane, an ordered queue of its own."""

from chalicelib import ids
from chalicelib.domain.tasks.task import Needs


def lane_name(needs: Needs) -> str:
    """The short name of the lane for these needs: the same name for the same needs in every pool."""
    special = [] if needs.worker is None else [f"\x1e{needs.worker}"]
    if needs.concurrency_limit is not None:
        special.append(f"\x1d{needs.concurrency_limit.limit}\x1d{needs.concurrency_limit.key}")
    if not needs.capabilities and needs.group is None and not special:
        return "any"
    return ids.derived("lane", needs.group or "", *sorted(needs.capabilities), *special)[:18]

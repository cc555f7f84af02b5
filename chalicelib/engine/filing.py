"""The lists of managed pools, brought up to date with changes of tasks by the relay."""

from collections.abc import Iterable

from chalicelib.domain import filing
from chalicelib.domain.filing import Move
from chalicelib.domain.tasks import Task
from chalicelib.storage import base, listings
from chalicelib.storage.base import Refused


def carry_out(changes: Iterable[tuple[Task | None, Task | None]]) -> None:
    """File the tasks of these changes, in order, by what they are now: in as few transactions as their limit allows.

    What is filed as new already stays, so that it may be done twice, late, and again after dying anywhere.
    """
    waiting = filing.moves(changes)
    while waiting:
        first, rest = filing.packed(waiting)
        try:
            base.commit(*listings.moved(first))
        except Refused as refused:
            rest = [*_again(first, refused), *rest]
        waiting = rest


def _again(moves: list[Move], refused: Refused) -> list[Move]:
    """The moves that were refused from where their tasks stand in truth, the others as they were."""
    found = [
        filing.again(move, listings.filed(stored)) if failed else move
        for move, failed, stored in zip(moves, refused.failed, refused.items, strict=False)
    ]
    return [move for move in found if move is not None]

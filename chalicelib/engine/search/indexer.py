"""The lists of managed pools, brought up to date with changes of tasks by the relay."""

from collections.abc import Iterable

from chalicelib.domain.search import index_moves
from chalicelib.domain.search.index_moves import Move
from chalicelib.domain.tasks.task import Task
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Refused
from chalicelib.storage.search import index as listings


def carry_out(changes: Iterable[tuple[Task | None, Task | None]]) -> None:
    """File the tasks of these changes, in order, by what they are now: in as few transactions as their limit allows.

    What is filed as new already stays, so that it may be done twice, late, and again after dying anywhere.
    """
    waiting = index_moves.moves(changes)
    while waiting:
        first, rest = index_moves.packed(waiting)
        try:
            dynamodb.commit(*listings.moved(first))
        except Refused as refused:
            rest = [*_again(first, refused), *rest]
        waiting = rest


def _again(moves: list[Move], refused: Refused) -> list[Move]:
    """The moves that were refused from where their tasks stand in truth, the others as they were."""
    found = [
        index_moves.again(move, listings.filed(stored)) if failed else move
        for move, failed, stored in zip(moves, refused.failed, refused.items, strict=False)
    ]
    return [move for move in found if move is not None]

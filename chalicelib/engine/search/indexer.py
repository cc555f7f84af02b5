"""The indexer: the relay's step that brings the index of managed pools up to date with changes of tasks."""

from collections.abc import Iterable

from chalicelib.domain.search import index_updates
from chalicelib.domain.search.index_updates import IndexUpdate
from chalicelib.domain.tasks.task import Task
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.search import index as index_storage


def update_indexes(changes: Iterable[tuple[Task | None, Task | None]]) -> None:
    """Index the tasks of these changes (old, new), in order, in as few transactions as possible.

    A task that is indexed as of a newer version is left as it is. So the update may be repeated, be late, or start
    again after it died at any call.
    """
    waiting = index_updates.build_updates(changes)
    while waiting:
        batch, rest = index_updates.split_batch(waiting)
        try:
            dynamodb.commit(*index_storage.update_writes(batch))
        except ConditionFailed as refused:
            rest = [*_rebase_refused(batch, refused), *rest]
        waiting = rest


def _rebase_refused(batch: list[IndexUpdate], refused: ConditionFailed) -> list[IndexUpdate]:
    """The updates to try again: those that were refused start from the stored state, the others are unchanged."""
    retried = [
        index_updates.rebase(update, index_storage.parse_state(stored)) if failed else update
        for update, failed, stored in zip(batch, refused.failed, refused.items, strict=False)
    ]
    return [update for update in retried if update is not None]

"""How the index of a managed pool follows its tasks.

Beside the index there is, for each task, what it is indexed under and as of which version. So a change that arrives
twice, late or out of order changes nothing that is newer, and an index that was left behind catches up with the next
change of the task.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chalicelib.domain.search import age_tree
from chalicelib.domain.search.query import ALL_TASKS, ORDERED_FIELDS, UNCOUNTED_FIELDS, index_entries, position
from chalicelib.domain.tasks.task import Phase, Task

COUNTER_KEY = "~"
"""Sort key of the row that counts a list's tasks: it sorts behind all others."""
MAX_WRITES = 100
"""Writes that one transaction may have."""
_PHASES = frozenset(Phase)


class Row(NamedTuple):
    """The key of an item of the `listings` table."""

    list: str
    sort_key: str


class IndexState(NamedTuple):
    """What a task is indexed under, and as of which of its versions.

    A mark is an entry, or "<phase>\\t<entry>" where the task is counted. While an update is carried out in parts, the
    marks are ahead of the version.
    """

    version: int = 0
    marks: frozenset[str] = frozenset()


class IndexUpdate(NamedTuple):
    """The change of a task's index state from `before` to `after`."""

    org: str
    pool: str
    position: str
    before: IndexState
    after: IndexState

    @property
    def added_marks(self) -> frozenset[str]:
        return self.after.marks - self.before.marks

    @property
    def removed_marks(self) -> frozenset[str]:
        return self.before.marks - self.after.marks

    @property
    def state_row(self) -> Row:
        """The row that stores the task's index state."""
        return Row(f"{self.org}#{self.pool}#{self.position}", COUNTER_KEY)

    def rows(self, marks: Iterable[str]) -> Iterator[Row]:
        """The rows of those marks that are entries."""
        return (entry_row(self.org, self.pool, mark, self.position) for mark in marks if _counted_entry(mark) is None)

    def counters(self, marks: Iterable[str]) -> Iterator[tuple[Row, str]]:
        """The counters that the marks contribute to: the row and the attribute of each."""
        for mark in marks:
            counted = _counted_entry(mark)
            if counted is not None:
                yield counter_row(self.org, self.pool, counted[1]), counted[0]
            if mark == ALL_TASKS:
                yield from self._age_counters()

    def _age_counters(self) -> Iterator[tuple[Row, str]]:
        created = int(self.position.partition("#")[0])
        nodes = age_tree.path(created)
        return ((age_row(self.org, self.pool, node.name), age_tree.DIGITS[node.digit]) for node in nodes)


def index_state(task: Task) -> IndexState:
    """What a task has to be indexed under: its entries, and a count under each of them in its phase."""
    entries = index_entries(task)
    counted = {f"{task.phase}\t{entry}" for entry in entries if entry.partition("=")[0] not in UNCOUNTED_FIELDS}
    return IndexState(task.version, entries | counted)


def _counted_entry(mark: str) -> tuple[str, str] | None:
    """(phase, entry) of a mark that counts a task, None for a mark that is an entry."""
    phase, _, entry = mark.partition("\t")
    return (phase, entry) if phase in _PHASES else None


def list_name(org: str, pool: str, entry: str) -> str:
    """Name of the list that has the entry's tasks: the entry's own, or that of its field where values are ordered."""
    field = entry.partition("=")[0]
    return f"{org}#{pool}#{field if field in ORDERED_FIELDS else entry}"


def entry_row(org: str, pool: str, entry: str, position: str) -> Row:
    """The row that has the task at this position under an entry."""
    field, _, value = entry.partition("=")
    return Row(list_name(org, pool, entry), f"{value}#{position}" if field in ORDERED_FIELDS else position)


def counter_row(org: str, pool: str, entry: str) -> Row:
    """The row that counts, by phase, the tasks under an entry."""
    return Row(list_name(org, pool, entry), COUNTER_KEY)


def age_row(org: str, pool: str, node: str) -> Row:
    """The row that counts the tasks created in each part of an age tree node's time."""
    return counter_row(org, pool, f"age={node}")


def build_updates(changes: Iterable[tuple[Task | None, Task | None]]) -> list[IndexUpdate]:
    """The index updates for changes of tasks (old, new), in order; one update for each task.

    A removed task is indexed under nothing, as of the version after its last.
    """
    updates: dict[str, IndexUpdate] = {}
    for old, new in changes:
        task = new or old
        if task is not None:
            after = index_state(new) if new is not None else IndexState(task.version + 1)
            before = index_state(old) if old is not None else IndexState()
            update = IndexUpdate(task.org, task.pool, position(task), before, after)
            earlier = updates.setdefault(update.position, update)
            latest = max(earlier.after, after, key=lambda state: state.version)
            updates[update.position] = earlier._replace(after=latest)
    return list(updates.values())


def rebase(update: IndexUpdate, stored: IndexState) -> IndexUpdate | None:
    """The update that starts from the stored state; None when the stored state is as new or newer."""
    return update._replace(before=stored) if stored.version < update.after.version else None


def split_batch(updates: list[IndexUpdate]) -> tuple[list[IndexUpdate], list[IndexUpdate]]:
    """The updates that fit into one transaction, and the rest. An update that alone is too large is split in two."""
    rows: set[Row] = set()
    for number, update in enumerate(updates):
        rows |= _affected_rows(update)
        if len(rows) > MAX_WRITES and number:
            return updates[:number], updates[number:]
        if len(rows) > MAX_WRITES:
            first, rest = _split(update)
            return [first], [rest, *updates[1:]]
    return updates, []


def _affected_rows(update: IndexUpdate) -> set[Row]:
    marks = update.added_marks | update.removed_marks
    return {update.state_row, *update.rows(marks), *(row for row, _ in update.counters(marks))}


def _split(update: IndexUpdate) -> tuple[IndexUpdate, IndexUpdate]:
    """A first part of the update, which keeps the old version, and the rest of it."""
    before = update.before
    part = frozenset(sorted(update.added_marks | update.removed_marks)[: MAX_WRITES - 1 - age_tree.DEPTH])
    middle = IndexState(before.version, before.marks ^ part)
    return update._replace(after=middle), update._replace(before=middle)

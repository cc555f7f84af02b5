"""A sweep while 100,000 tasks of 100 organisations wait, all of them due for their one look at the same moment, and six
workers of another organisation have died, whose health endpoints keep every probe waiting. The functions run at once,
as many as infra/engine.py allows, by a clock that moves 8 ms with each call (tests/support/fleet.py): the figures are
of that clock, and do not depend on this machine. The tasks are put straight into moto's memory."""

from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item

from bench import meter
from bench.measure import Section, at_most, exactly, silence
from chalicelib import clock
from chalicelib.config import settings
from chalicelib.storage.aws import columns
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks import tasks as task_storage
from tests.simulation.neighbours import MORTALS, QUIET, Quiet
from tests.support.fleet import Fleet, fleet
from tests.support.world import POOL

TASKS, ORGS = 100_000, 100
CALL_SECONDS = 0.008


def measure() -> Section:
    with silence(), fleet(0, CALL_SECONDS, lost=frozenset({"wakeups"})) as made:
        quiet = Quiet(made)
        quiet.begin()
        task = made.world.submit(org=QUIET, run_at=clock.now() + 90 * clock.SECOND, capabilities=("patience",))
        _fill(made)
        made.run(119)
        begun = made.timeline.now()
        made.run(59)
        noticed = [(at - begun) / clock.SECOND for at in _deaths(made)]
        woken = _woken(task.id, begun)
    return Section(
        f"A sweep beside {TASKS:,} waiting tasks",
        __doc__,
        [
            exactly(f"of {MORTALS} dead workers, noticed by the first sweep", len(noticed), MORTALS),
            at_most("the last of them, after it began", max(noticed, default=float("inf")), 15, "s"),
            at_most("another organisation's due task, after it began", woken, 15, "s"),
        ],
    )


def _woken(task_id: str, begun: int) -> float:
    task = task_storage.find(task_id)
    return (task.ready_at - begun) / clock.SECOND if task is not None and task.ready_at else float("inf")


def _deaths(made: Fleet) -> list[int]:
    return [worker.updated_at for worker in made.world.workers() if worker.org == QUIET and not worker.alive]


def _fill(made: Fleet) -> None:
    """Copies of a waiting task, in as many pools as there are organisations; all are due when the sweep comes."""
    pattern_task = made.world.submit(org="org-0", capabilities=("rare",))
    table = meter.table(settings().tasks_table)
    pattern: dict[str, Any] = dict(table.items[DynamoType({"S": pattern_task.id})].attrs)  # type: ignore[attr-defined]
    due = DynamoType({"N": str(clock.now() + 100 * clock.SECOND)})
    for number in range(TASKS - 1):
        name = DynamoType({"S": f"task_zzzz{number:016d}"})
        table.items[name] = _copy(pattern, name, number, due)  # type: ignore[assignment]


def _copy(pattern: dict[str, Any], name: DynamoType, number: int, due: DynamoType) -> Item:
    org = f"org-{number % ORGS}"
    lane = task_table.lane_partition(org, POOL, pattern["lane"].value)
    words = {"org": org, "place": lane, "wake_shard": columns.wake_shard(name.value)}
    words["rank"] = pattern["rank"].value.rpartition("#")[0] + f"#{name.value}"
    item = Item(name, None, {})
    changed = {attribute: DynamoType({"S": value}) for attribute, value in words.items()}
    dict.update(item.attrs, pattern | changed | {"id": name, "wake_at": due})
    return item

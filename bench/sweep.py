"""A sweep while 100,000 tasks of 100 organisations wait and all become due at the same moment. Six workers of another
organisation have died, and their health endpoints keep every probe waiting. As many functions run at once as
infra/engine.py allows, by a clock that moves 8 ms with each call (tests/support/fleet.py): the figures are times of
that clock, and do not depend on this machine. The tasks are written directly to moto's memory."""

from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item

from bench import meter
from bench.measure import Section, at_most, equal_to, silence
from chalicelib import clock
from chalicelib.config import settings
from chalicelib.storage.aws import columns
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks import tasks as task_storage
from tests.simulation.neighbours import DYING_SERVERS, QUIET, Quiet
from tests.support.fleet import Fleet, fleet
from tests.support.world import POOL

TASKS, ORGS = 100_000, 100
CALL_SECONDS = 0.008


def measure() -> Section:
    with silence(), fleet(0, CALL_SECONDS, lost=frozenset({"wakeups"})) as running_fleet:
        quiet = Quiet(running_fleet)
        quiet.begin()
        task = running_fleet.world.submit(org=QUIET, run_at=clock.now() + 90 * clock.SECOND, capabilities=("patience",))
        _fill(running_fleet)
        running_fleet.run(119)
        sweep_started = running_fleet.timeline.now()
        running_fleet.run(59)
        detection_seconds = [(at - sweep_started) / clock.SECOND for at in _deaths(running_fleet)]
        wake_seconds = _seconds_until_woken(task.id, sweep_started)
    return Section(
        f"A sweep beside {TASKS:,} waiting tasks",
        __doc__,
        [
            equal_to(
                f"of {DYING_SERVERS} dead workers, noticed by the first sweep", len(detection_seconds), DYING_SERVERS
            ),
            at_most("the last of them, after it began", max(detection_seconds, default=float("inf")), 15, "s"),
            at_most("another organisation's due task, after it began", wake_seconds, 15, "s"),
        ],
    )


def _seconds_until_woken(task_id: str, sweep_started: int) -> float:
    task = task_storage.find(task_id)
    return (task.ready_at - sweep_started) / clock.SECOND if task is not None and task.ready_at else float("inf")


def _deaths(running_fleet: Fleet) -> list[int]:
    return [worker.updated_at for worker in running_fleet.world.workers() if worker.org == QUIET and not worker.alive]


def _fill(running_fleet: Fleet) -> None:
    """Write copies of a waiting task for all organisations; all are due when the sweep comes."""
    pattern_task = running_fleet.world.submit(org="org-0", capabilities=("rare",))
    table = meter.table(settings().tasks_table)
    pattern: dict[str, Any] = dict(table.items[DynamoType({"S": pattern_task.id})].attrs)  # type: ignore[attr-defined]
    due = DynamoType({"N": str(clock.now() + 100 * clock.SECOND)})
    for number in range(TASKS - 1):
        name = DynamoType({"S": f"task_zzzz{number:016d}"})
        table.items[name] = _copy(pattern, name, number, due)  # type: ignore[assignment]


def _copy(pattern: dict[str, Any], name: DynamoType, number: int, due: DynamoType) -> Item:
    org = f"org-{number % ORGS}"
    lane = task_table.lane_partition(org, POOL, pattern["lane"].value)
    texts = {"org": org, "place": lane, "wake_shard": columns.wake_shard(name.value)}
    texts["rank"] = pattern["rank"].value.rpartition("#")[0] + f"#{name.value}"
    item = Item(name, None, {})
    new_attributes = {attribute: DynamoType({"S": value}) for attribute, value in texts.items()}
    dict.update(item.attrs, pattern | new_attributes | {"id": name, "wake_at": due})
    return item

"""Once a day items that are overdue by more than ten minutes are found and logged."""

from chalicelib.engine.schedule import stuck_report
from tests.engine.helpers import pull
from tests.support.log import Log, logging_to
from tests.support.world import ORG, POOL, World


def test_what_is_overdue_for_ten_minutes_is_found(world: World) -> None:
    worker = pull(world)
    task = world.submit(run_at=world.clock.now() + 60_000)
    world.settle()
    world.clock.advance(60 + 9 * 60)
    assert stuck_report.report_stuck() == []
    world.clock.advance(2 * 60)
    with logging_to(Log()) as log:
        overdue_ids = stuck_report.report_stuck()
    assert task.id in overdue_ids
    assert f"{ORG}#{POOL}#{worker.id}" in overdue_ids
    [line] = log.lines
    assert (line["level"], line["count"], line["ids"]) == ("ERROR", len(overdue_ids), overdue_ids)


def test_nothing_is_logged_where_nothing_is_overdue(world: World) -> None:
    with logging_to(Log()) as log:
        assert stuck_report.report_stuck() == []
    assert log.lines == []

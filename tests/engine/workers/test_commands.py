"""The commands to a worker, and how long they are repeated."""

from dataclasses import replace

from chalicelib.engine.workers import commands
from tests.support.world import World


def test_a_task_to_stop_is_repeated_for_fifteen_minutes(world: World) -> None:
    worker = replace(world.register(), commands={"task_7:2": world.clock.now()})
    stop = {"id": "task_7:2", "type": "cancel", "task_id": "task_7", "attempt": 2}
    world.clock.advance(15 * 60)
    assert commands.pending_commands(worker) == [stop]
    assert commands.without_stale_commands(worker, world.clock.now()) is worker
    world.clock.advance(1)
    assert commands.pending_commands(worker) == []
    assert commands.without_stale_commands(worker, world.clock.now()).commands == {}


def test_a_worker_in_maintenance_gets_a_command_to_drain(world: World) -> None:
    worker = replace(world.register(), maintenance=True, commands={"task_7:1": world.clock.now()})
    assert [command["type"] for command in commands.pending_commands(worker)] == ["cancel", "drain"]

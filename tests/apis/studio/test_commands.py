from typing import Any

import pytest

from tests.apis.studio.conftest import StudioApi
from tests.support.client import token

COMMANDS = "/api/commands"


def queue(studio_api: StudioApi, *moves: str, **fields: Any) -> str:
    command = str(studio_api.call("POST", COMMANDS, {"command": "execute_task"} | fields)["command_id"])
    for move in moves:
        studio_api.call("POST", f"{COMMANDS}/{command}/{move}", BODIES.get(move))
    studio_api.world.settle()
    return command


BODIES = {"complete": {"result": {"done": True}}, "fail": {"error": "no ink"}}


def get(studio_api: StudioApi, command: str) -> Any:
    return studio_api.call("GET", f"{COMMANDS}/{command}")


@pytest.mark.parametrize(
    ("moves", "status"),
    [
        ((), "queued"),
        (("start",), "processing"),
        (("complete",), "completed"),
        (("start", "complete"), "completed"),
        (("fail",), "failed"),
        (("cancel",), "cancelled"),
    ],
)
def test_a_command_moves_as_it_is_told(studio_api: StudioApi, moves: tuple[str, ...], status: str) -> None:
    assert get(studio_api, queue(studio_api, *moves))["status"] == status


def test_a_command_that_another_caller_works_on_cannot_be_taken(studio_api: StudioApi) -> None:
    command = queue(studio_api, "start")
    assert studio_api.call("POST", f"{COMMANDS}/{command}/start")["status"] == "processing"
    studio_api.expect_error(409, "POST", f"{COMMANDS}/{command}/start", token=token("user", subject="bob"))


def test_a_failed_command_is_queued_again_until_it_has_failed_three_times(studio_api: StudioApi) -> None:
    command = queue(studio_api)
    statuses = []
    for _ in range(3):
        studio_api.call("POST", f"{COMMANDS}/{command}/start")
        failed = studio_api.call("POST", f"{COMMANDS}/{command}/fail", {"error": "no ink", "retry": True})
        statuses.append((failed["status"], failed["attempts"], failed["error"]))
    assert statuses == [("queued", 1, None), ("queued", 2, None), ("failed", 3, "no ink")]


def test_the_same_end_again_is_accepted_and_another_is_refused(studio_api: StudioApi) -> None:
    command = queue(studio_api, "complete")
    assert studio_api.call("POST", f"{COMMANDS}/{command}/complete", BODIES["complete"])["status"] == "completed"
    studio_api.expect_error(409, "POST", f"{COMMANDS}/{command}/complete", {"result": "other"})
    studio_api.expect_error(409, "POST", f"{COMMANDS}/{command}/fail", {"error": "x", "retry": True})
    studio_api.expect_error(409, "POST", f"{COMMANDS}/{command}/cancel")


def test_a_result_of_a_megabyte_comes_back(studio_api: StudioApi) -> None:
    command = queue(studio_api)
    studio_api.call("POST", f"{COMMANDS}/{command}/complete", {"result": "x" * 1_000_000})
    assert len(get(studio_api, command)["result"]) == 1_000_000


def test_the_list_shows_one_status_and_pages(studio_api: StudioApi) -> None:
    commands = []
    for _ in range(3):
        commands.append(queue(studio_api))
        studio_api.world.clock.advance(1)
    queue(studio_api, "cancel")
    first = studio_api.call("GET", f"{COMMANDS}?status=queued&limit=2")
    assert [row["command_id"] for row in first["commands"]] == commands[:0:-1] and first["total"] == 3
    rest = studio_api.call("GET", f"{COMMANDS}?status=queued&limit=2&cursor={first['next_cursor']}")
    assert [row["command_id"] for row in rest["commands"]] == commands[:1] and rest["next_cursor"] is None


def test_statistics_count_and_measure(studio_api: StudioApi) -> None:
    assert studio_api.call("GET", f"{COMMANDS}/stats/queue-stats")["avg_processing_time_ms"] is None
    command = queue(studio_api, "start")
    studio_api.world.clock.advance(3)
    studio_api.call("POST", f"{COMMANDS}/{command}/complete", BODIES["complete"])
    queue(studio_api, "fail")
    queue(studio_api, "start")
    queue(studio_api)
    assert studio_api.call("GET", f"{COMMANDS}/stats/queue-stats") == {
        "queued": 1,
        "processing": 1,
        "completed": 1,
        "failed": 1,
        "avg_processing_time_ms": 3_000,
    }


def test_only_old_ended_commands_are_cleared(studio_api: StudioApi) -> None:
    old = [queue(studio_api, *moves) for moves in (("complete",), ("fail",), ("cancel",), ("start",), ())]
    studio_api.world.clock.advance(8 * 86_400)
    new = queue(studio_api, "complete")
    assert studio_api.call("POST", f"{COMMANDS}/cleanup/clear-old", {"older_than_days": 7}) == {"deleted": 3}
    studio_api.world.settle()
    left = {row["command_id"] for row in studio_api.call("GET", COMMANDS)["commands"]}
    assert left == {*old[3:], new}
    assert studio_api.call("POST", f"{COMMANDS}/cleanup/clear-old", {"older_than_days": 7}) == {"deleted": 0}
    assert studio_api.call("GET", f"{COMMANDS}/stats/queue-stats")["failed"] == 0


def test_another_org_clears_nothing_of_it(studio_api: StudioApi) -> None:
    queue(studio_api, "complete")
    studio_api.world.clock.advance(8 * 86_400)
    stranger = token("user", org="umbra")
    cleared = studio_api.call("POST", f"{COMMANDS}/cleanup/clear-old", {"older_than_days": 0}, token=stranger)
    assert cleared == {"deleted": 0}

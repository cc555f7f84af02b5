import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.tasks.task import Phase
from chalicelib.engine import bulk_operations, content_tasks
from chalicelib.engine.bulk_operations import Request
from chalicelib.engine.content_tasks import Edit
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.errors import InvalidRequest, NotFound
from chalicelib.storage.aws import s3
from tests.support import aws
from tests.support.world import ORG, World


def create(count: int = 3, **brief: Any) -> list[str]:
    return [content_tasks.create(ORG, "ann", f"Task {number}", brief).id for number in range(count)]


def test_each_task_has_its_own_outcome(world: World) -> None:
    first, done, other = create()
    content_tasks.change(ORG, done, Edit(Phase.COMPLETED), "ann")
    request = Request("update_status", [first, done, "task_unknown", other], phase=Phase.HELD)
    progress = bulk_operations.start(ORG, request, "ann")
    assert {task_id: outcome for task_id, (outcome, _) in progress.outcomes.items()} == {
        first: "updated",
        done: "refused",
        "task_unknown": "not_found",
        other: "updated",
    }
    assert (progress.is_done, progress.affected, progress.link) == (True, 2, None)
    assert "completed" in str(progress.outcomes[done][1])
    assert bulk_operations.get(ORG, progress.id) == progress


def test_another_org_s_tasks_and_operations_are_not_found(world: World) -> None:
    tasks = create(1)
    progress = bulk_operations.start("umbra", Request("delete", tasks), "eve")
    assert progress.outcomes == {tasks[0]: ["not_found", None]}
    assert world.task(tasks[0])
    with pytest.raises(NotFound):
        bulk_operations.get(ORG, progress.id)


@pytest.mark.parametrize("operation", ["delete", "export", "reassign"])
def test_tasks_of_other_apis_are_not_found(world: World, operation: bulk_operations.Operation) -> None:
    other = world.submit()
    progress = bulk_operations.start(ORG, Request(operation, [other.id]), "ann")
    assert progress.outcomes == {other.id: ["not_found", None]}
    assert world.task(other.id) == other


def test_the_job_acts_for_whoever_began_the_operation(world: World) -> None:
    [task] = create(1)
    bulk_operations.begin(ORG, Request("reassign", [task], assigned_to="ben"), "ann2")
    world.advance(bulk_operations.JOB_WAIT_SECONDS + 60)
    assert world.task(task).changed_by == "ann2"


def test_an_outcome_that_is_stored_stays(world: World) -> None:
    [task] = create(1)
    operation = bulk_operations.begin(ORG, Request("reassign", [task], assigned_to="ben"), "ann")

    def end_first(call: aws.Call, send: Callable[[], Any]) -> Any:
        """Another process does the part before this one changes the task, which is deleted then."""
        with aws.without_interference():
            if not bulk_operations.get(ORG, operation).is_done and call[1] == "TransactWriteItems":
                bulk_operations.run_part(ORG, operation)
                content_tasks.delete(ORG, task, "ben")
        return send()

    with aws.interfering(end_first):
        assert bulk_operations.run_part(ORG, operation)
    assert bulk_operations.get(ORG, operation).outcomes == {task: ["updated", None]}


@pytest.mark.parametrize("operation", ["delete", "reassign"])
def test_the_job_does_what_the_request_did_not(
    world: World, monkeypatch: pytest.MonkeyPatch, operation: bulk_operations.Operation
) -> None:
    tasks = create(bulk_operations.PART + 5)
    monkeypatch.setattr(bulk_operations, "RUN_MS", -1)
    progress = bulk_operations.start(ORG, Request(operation, tasks, assigned_to="ben"), "ann")
    assert (progress.is_done, len(progress.outcomes)) == (False, bulk_operations.PART)
    world.advance(bulk_operations.JOB_WAIT_SECONDS + 60)
    assert bulk_operations.get(ORG, progress.id).affected == len(tasks)


def test_a_part_that_died_before_it_was_recorded_is_done_again_with_the_same_outcome(world: World) -> None:
    tasks = create(2)
    operation = bulk_operations.begin(ORG, Request("delete", tasks), "ann")
    content_tasks.delete(ORG, tasks[0], "ann")  # what the part did before it died
    assert bulk_operations.run_part(ORG, operation)
    assert bulk_operations.get(ORG, operation).outcomes == {task: ["deleted", None] for task in tasks}


def test_an_export_is_one_file_with_the_tasks_as_they_are(world: World) -> None:
    tasks = create(2, topic="=cmd()", task_metadata={"tone": 'ä, "b"\n'})
    progress = bulk_operations.start(ORG, Request("export", [*tasks, "task_unknown"]), "ann")
    assert (progress.affected, progress.is_done) == (2, True)
    assert progress.link is not None and "tasks.csv" in progress.link
    content = s3.find_object(f"{s3.EXPIRING}/{ORG}/{progress.id}/tasks.csv")
    assert content is not None
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [row["id"] for row in rows] == tasks
    assert (rows[0]["topic"], rows[0]["status"], rows[0]["completed_at"]) == ("'=cmd()", "pending", "")
    assert rows[0]["task_metadata"] == '{"tone": "ä, \\"b\\"\\n"}'


def test_json_has_the_same_rows(world: World) -> None:
    [task] = create(1, topic="=cmd()")
    progress = bulk_operations.start(ORG, Request("export", [task], format="json"), "ann")
    [row] = s3.load_json(f"{s3.EXPIRING}/{ORG}/{progress.id}/tasks.json")
    assert list(row) == list(bulk_operations.COLUMNS)
    assert (row["id"], row["topic"], row["category"]) == (task, "=cmd()", None)


def test_an_export_that_is_too_large_is_refused_task_by_task(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_operations, "MAX_EXPORT_BYTES", 10)
    progress = bulk_operations.start(ORG, Request("export", create(1)), "ann")
    assert [outcome for outcome, _ in progress.outcomes.values()] == ["refused"]
    assert progress.link is None


def test_an_operation_has_at_most_so_many_tasks_and_expires(world: World) -> None:
    many = [f"{n}" for n in range(bulk_operations.MAX_TASKS + 1)]
    large = [f"{n:0128}".translate({ord("0"): "😀"}) for n in range(bulk_operations.MAX_TASKS)]
    for task_ids in (many, large):
        with pytest.raises(InvalidRequest, match="task_ids"):
            bulk_operations.start(ORG, Request("delete", task_ids), "ann")
    longest = [f"{n:0128}" for n in range(bulk_operations.MAX_TASKS)]
    assert bulk_operations.start(ORG, Request("delete", longest), "ann").is_done
    progress = bulk_operations.start(ORG, Request("delete", create(1)), "ann")
    world.clock.advance(bulk_operations.KEPT_MS // 1000)
    with pytest.raises(NotFound):
        bulk_operations.get(ORG, progress.id)
    assert bulk_operations.run_step(Job(ORG, bulk_operations.JOB_KIND, progress.id))

"""Operations on many content tasks at once (glad-labs.md, "Bulk Operations")."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.apis.studio.tasks import PHASES, TaskId, TaskStatus, Text
from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine import bulk_operations
from chalicelib.engine.bulk_operations import Progress, Request
from chalicelib.errors import InvalidRequest

routes = Routes("/api/bulk", tag="Bulk operations")

OperationId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


def _drop_duplicates(task_ids: list[str]) -> list[str]:
    return list(dict.fromkeys(task_ids))


class BulkParameters(Schema):
    """What an operation needs."""

    new_status: TaskStatus | None = Field(default=None, description="Of update_status, which needs it.")
    export_format: bulk_operations.Format = Field(default="csv", description="Of export.")
    assigned_to: Text | None = Field(default=None, description="Of reassign, which needs it; null: nobody.")


class BulkIn(Schema):
    """An operation on tasks."""

    operation: bulk_operations.Operation
    task_ids: Annotated[
        list[TaskId], Field(min_length=1, max_length=bulk_operations.MAX_TASKS), AfterValidator(_drop_duplicates)
    ]
    parameters: BulkParameters = Field(default_factory=BulkParameters)

    @property
    def request(self) -> Request:
        """The engine's request. Raises InvalidRequest for an operation without the parameter that it needs."""
        status = self.parameters.new_status
        if self.operation == "update_status" and status is None:
            raise self._missing("new_status")
        if self.operation == "reassign" and "assigned_to" not in self.parameters.model_fields_set:
            raise self._missing("assigned_to")
        return Request(
            operation=self.operation,
            task_ids=self.task_ids,
            phase=PHASES[status] if status is not None and self.operation == "update_status" else None,
            assigned_to=self.parameters.assigned_to,
            format=self.parameters.export_format,
        )

    def _missing(self, parameter: str) -> InvalidRequest:
        name, what = f"parameters.{parameter}", f"is needed by {self.operation}"
        return InvalidRequest(f"{name}: {what}", fields={name: what})


class TaskOutcome(Schema):
    """What became of one task; `detail` says why it was refused."""

    task_id: str
    outcome: Literal["updated", "deleted", "exported", "not_found", "refused"]
    detail: str | None


class BulkResult(Schema):
    """The outcome of each task so far, and of an export the link to its file."""

    tasks: list[TaskOutcome]
    download_url: str | None = Field(description="The file of an export, for an hour; null of other operations.")


class BulkOut(Schema):
    """An operation as it is now."""

    operation_id: str
    status: Literal["completed", "processing"]
    affected: int = Field(description="The number of tasks that the operation was done on.")
    result: BulkResult

    @classmethod
    def from_progress(cls, progress: Progress) -> Self:
        outcomes = [
            TaskOutcome(task_id=task_id, outcome=outcome, detail=detail)
            for task_id, (outcome, detail) in progress.outcomes.items()
        ]
        return cls(
            operation_id=progress.id,
            status="completed" if progress.is_done else "processing",
            affected=progress.affected,
            result=BulkResult(tasks=outcomes, download_url=progress.link),
        )


@routes.post()
def start_bulk_operation(caller: Caller, body: BulkIn) -> BulkOut:
    """Do an operation on up to 500 tasks. What takes more than 8 seconds goes on in the background."""
    return BulkOut.from_progress(bulk_operations.start(caller.org, body.request, caller.subject))


@routes.get("/{operation_id}")
def get_bulk_operation(caller: Caller, operation_id: OperationId) -> BulkOut:
    """Get an operation as it is now, for 7 days. The document has no such endpoint."""
    return BulkOut.from_progress(bulk_operations.get(caller.org, operation_id))

"""Comments on tasks (coordinaitor.md, "Task Endpoints")."""

from typing import Annotated, Self

from pydantic import Field

from chalicelib.apis.projects import access
from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.domain.document import Document
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.task_fields import task_project
from chalicelib.edge import Caller, CamelSchema, Created, Instant, Paged, Request, Routes
from chalicelib.engine.projects import comments
from chalicelib.engine.tasks import lifecycle

routes = Routes("/api/v1/tasks/{taskId}/comments", tag="Comments")

TaskId = Annotated[Identifier, Field(description="The task's id.")]
CommentId = Annotated[Identifier, Field(description="The comment's id.")]


class CommentIn(CamelSchema):
    """A comment to be added."""

    content: str = Field(min_length=1, max_length=10_000, examples=["Great progress on the authentication system!"])
    mentions: list[Identifier] = Field(
        default=[], max_length=50, description="Ids of users of the organization; they get a notification."
    )


class CommentOut(CamelSchema):
    """A comment."""

    id: str = Field(examples=["comment_abc123"])
    content: str
    author: str = Field(description="A user's id.")
    mentions: list[str]
    created_at: Instant

    @classmethod
    def from_document(cls, comment: Document) -> Self:
        return cls(id=comment.id, created_at=comment.created_at, **comment.body)


def task_within(caller: Caller, task_id: str, permission: Permission) -> Task:
    """The task, for a caller who has the permission in its project. Raises NotFound, Forbidden."""
    task = lifecycle.get(caller.org, task_id, NAME)
    access.require(caller, permission, task_project(task))
    return task


def require_own(caller: Caller, task: Task, document: Document) -> None:
    """Raise Forbidden unless the caller is the author of the comment or file, or may delete the task."""
    if document.body["author"] != caller.subject:
        access.require(caller, "tasks:delete", task_project(task))


@routes.post(errors=[409])
def add_comment(caller: Caller, task_id: TaskId, body: CommentIn) -> Created[CommentOut]:
    """Comment on a task.

    The mentioned users get a notification. A task has at most 1,000 comments.
    """
    task = task_within(caller, task_id, "tasks:write")
    comment = CommentOut.from_document(comments.add(task, body.content, body.mentions, by=caller.subject))
    return Created(comment, location=f"/api/v1/tasks/{task_id}/comments/{comment.id}")


@routes.get()
def list_comments(
    request: Request, caller: Caller, task_id: TaskId, page: PageNumber = 1, limit: PageSize = 20
) -> Paged[CommentOut]:
    """List the comments on a task, newest first."""
    task = task_within(caller, task_id, "tasks:read")
    rows = [CommentOut.from_document(comment) for comment in comments.list_all(caller.org, task.id)]
    return slice_page(request, rows, page=page, limit=limit)


@routes.get("/{commentId}")
def get_comment(caller: Caller, task_id: TaskId, comment_id: CommentId) -> CommentOut:
    """Get a comment."""
    task = task_within(caller, task_id, "tasks:read")
    return CommentOut.from_document(comments.get(caller.org, task.id, comment_id))


@routes.delete("/{commentId}")
def delete_comment(caller: Caller, task_id: TaskId, comment_id: CommentId) -> Deleted:
    """Delete a comment. Its author can, and every caller who can delete the task."""
    task = task_within(caller, task_id, "tasks:write")
    require_own(caller, task, comments.get(caller.org, task.id, comment_id))
    comments.delete(caller.org, task.id, comment_id)
    return Deleted(id=comment_id)

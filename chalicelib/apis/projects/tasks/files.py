"""Files of tasks (coordinaitor.md, "Task Endpoints")."""

from typing import Annotated, Self

from pydantic import Field

from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.tasks.comments import TaskId, require_own, task_within
from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.domain.document import Document
from chalicelib.edge import Caller, CamelSchema, Created, FilePart, Instant, MultipartSchema, Paged, Request, Routes
from chalicelib.engine.projects import files

routes = Routes("/api/v1/tasks/{taskId}/files", tag="Files")

FileId = Annotated[Identifier, Field(description="The file's id.")]


class FileIn(MultipartSchema):
    """A file for a task."""

    file: FilePart
    description: str | None = Field(default=None, max_length=1_000)


class FileOut(CamelSchema):
    """The metadata of a file, and a link to its content."""

    id: str = Field(examples=["file_abc123"])
    name: str = Field(examples=["auth-component.tsx"])
    size: int = Field(description="In bytes.")
    mime_type: str = Field(
        description="Detected from the content, for text also from the name.", examples=["text/typescript"]
    )
    uploaded_at: Instant
    description: str | None
    uploaded_by: str = Field(description="A user's id.")
    url: str = Field(description="Link to the content: anyone can fetch it without a token for five minutes.")

    @classmethod
    def from_document(cls, file: Document) -> Self:
        body = file.body
        return cls(
            id=file.id,
            name=body["name"],
            size=body["size"],
            mime_type=body["media_type"],
            uploaded_at=file.created_at,
            description=body["description"],
            uploaded_by=body["author"],
            url=files.download_link(file),
        )


@routes.post(errors=[409])
def upload_file(caller: Caller, task_id: TaskId, body: FileIn) -> Created[FileOut]:
    """Upload a file to a task.

    The request can have 4 MB, and a task 100 files. The type is detected from the content. An executable program is
    refused, and so is a file sent as an image or PDF that is none.
    """
    task, file = task_within(caller, task_id, "tasks:write"), body.file
    document = files.add(task, file.filename, file.content, file.content_type, body.description, by=caller.subject)
    return Created(FileOut.from_document(document), location=f"/api/v1/tasks/{task_id}/files/{document.id}")


@routes.get()
def list_files(
    request: Request, caller: Caller, task_id: TaskId, page: PageNumber = 1, limit: PageSize = 20
) -> Paged[FileOut]:
    """List the files of a task, newest first."""
    task = task_within(caller, task_id, "tasks:read")
    documents = slice_page(request, files.list_newest(caller.org, task.id), page=page, limit=limit)
    return Paged(
        data=[FileOut.from_document(file) for file in documents.data],
        pagination=documents.pagination,
        links=documents.links,
    )


@routes.get("/{fileId}")
def get_file(caller: Caller, task_id: TaskId, file_id: FileId) -> FileOut:
    """Get a file, with a new link to its content."""
    task = task_within(caller, task_id, "tasks:read")
    return FileOut.from_document(files.get(caller.org, task.id, file_id))


@routes.delete("/{fileId}")
def delete_file(caller: Caller, task_id: TaskId, file_id: FileId) -> Deleted:
    """Delete a file. The user who uploaded it can, and every caller who can delete the task."""
    task = task_within(caller, task_id, "tasks:write")
    require_own(caller, task, files.get(caller.org, task.id, file_id))
    files.delete(caller.org, task.id, file_id)
    return Deleted(id=file_id)

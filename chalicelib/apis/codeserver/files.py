"""Files of the current workspace (delqhi-platform.md, "File Operations")."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.domain.files.media_types import describe_media_type
from chalicelib.domain.workspaces import paths
from chalicelib.domain.workspaces.contents import Encoding, decode_content
from chalicelib.domain.workspaces.globs import MAX_PATTERN_CHARACTERS
from chalicelib.domain.workspaces.values import MAX_FILE_BYTES, FileRow
from chalicelib.edge import Binary, Caller, ClosedSchema, NaiveInstant, Redirect, Routes, Schema
from chalicelib.engine.workspaces import files
from chalicelib.engine.workspaces.files import Entry, FileQuery, ReadFile

routes = Routes("/api/files", tag="Files")

IF_TOO_LARGE = f"; send the content with the encoding base64, in which {MAX_FILE_BYTES:,} bytes fit"
"""In JSON a text can take six bytes for one: many clients write letters beyond ASCII as \\u with four digits."""

FilePath = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2048),
    Field(description="The file's path from the root; `workspace/` in front is the root.", examples=["src/main.py"]),
]
FolderPath = Annotated[str, StringConstraints(max_length=2048), Field(description="A directory; / is the root.")]
Pattern = Annotated[
    str | None,
    StringConstraints(min_length=1, max_length=MAX_PATTERN_CHARACTERS),
    Field(description="A glob: of names, or with a slash of paths below the directory, in which ** is any depth."),
]
EntryType = Literal["file", "directory"]


class FileIn(ClosedSchema):
    """A file's content."""

    content: str = Field(
        description=f"At most {MAX_FILE_BYTES:,} bytes. Base64 where the JSON of a text is too large.",
        examples=["def hello():\n    print('Hello')"],
    )
    encoding: Encoding = Field(default="utf-8", description="How `content` is to be read.")


class FileOut(Schema):
    """A file that was written."""

    path: str = Field(examples=["/workspace/hello.py"])
    name: str = Field(examples=["hello.py"])
    type: EntryType = "file"
    size_bytes: int
    created_at: NaiveInstant = Field(description="When the file was created; writing it again does not change it.")

    @classmethod
    def from_row(cls, row: FileRow) -> Self:
        name = paths.name_of(row.path)
        return cls(path=paths.absolute(row.path), name=name, size_bytes=row.size, created_at=row.created_at)


class EntryOut(Schema):
    """A file or a directory. A directory has the size of the files below it and the time of the latest of them."""

    path: str = Field(examples=["/workspace/src/main.py"])
    name: str = Field(examples=["main.py"])
    type: EntryType
    size_bytes: int
    modified_at: NaiveInstant

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        return cls(
            path=paths.absolute(entry.path),
            name=paths.name_of(entry.path),
            type="directory" if entry.is_folder else "file",
            size_bytes=entry.size,
            modified_at=entry.modified_at,
        )


class EntryList(Schema):
    """A page of a directory, in the order of the paths; `total` counts the entries of all pages. A page that grows too
    large ends early: the next one begins at `offset` plus the number of its entries."""

    files: list[EntryOut]
    total: int
    path: str = Field(examples=["/workspace"])


class DeletedFile(Schema):
    """A file that was deleted."""

    path: str = Field(examples=["/workspace/hello.py"])
    deleted_at: NaiveInstant


@routes.get(errors=[404, 409])
def list_files(
    caller: Caller,
    path: FolderPath = "/",
    recursive: bool = False,
    pattern: Pattern = None,
    limit: Annotated[int, Field(ge=1, le=5000)] = 1000,
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
) -> EntryList:
    """List a directory of the current workspace."""
    page = files.list_files(caller.org, FileQuery(path, recursive, pattern, limit, offset))
    entries = [EntryOut.from_entry(entry) for entry in page.entries]
    return EntryList(files=entries, total=page.total, path=paths.absolute(page.path))


@routes.get("/{path+}", errors=[409])
def get_file(caller: Caller, path: FilePath) -> Binary | Redirect:
    """Get a file's content, with its media type. A binary file is an attachment; one of more than 3 MB is a redirect to
    a link that is valid for five minutes."""
    return _answer(files.read_file(caller.org, path))


def _answer(file: ReadFile) -> Binary | Redirect:
    name = paths.name_of(file.path)
    media_type, is_text = describe_media_type(file.content, name)
    if file.link is not None:
        return Redirect(file.link(media_type, name))
    if is_text:
        return Binary(file.content, f"{media_type}; charset=utf-8")
    return Binary(file.content, media_type, name)


@routes.post("/{path+}", errors=[409], if_too_large=IF_TOO_LARGE)
def write_file(caller: Caller, path: FilePath, body: FileIn) -> FileOut:
    """Create a file, or replace its content. Directories come and go with their files."""
    content = decode_content(body.content, body.encoding)
    return FileOut.from_row(files.write_file(caller.org, path, content))


@routes.delete("/{path+}", errors=[409])
def delete_file(caller: Caller, path: FilePath) -> DeletedFile:
    """Delete a file."""
    row = files.delete_file(caller.org, path)
    return DeletedFile(path=paths.absolute(row.path), deleted_at=row.modified_at)

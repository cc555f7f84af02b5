"""The objects of a workspace in S3: packs, lists of files, and the contents of large files. None is ever changed."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from chalicelib.storage.aws import s3

Kind = Literal["pack", "manifest", "blob"]
BINARY = "application/octet-stream"


class StoredKey(NamedTuple):
    """An object's key, and when it was stored, in epoch milliseconds."""

    key: str
    stored_at: int


def prefix(org: str, workspace_id: str) -> str:
    """What the keys of a workspace's objects begin with."""
    return f"workspaces/{org}/{workspace_id}/"


def object_key(org: str, workspace_id: str, kind: Kind, name: str) -> str:
    """The key of an object."""
    return f"{prefix(org, workspace_id)}{kind}/{name}"


def put(key: str, content: bytes) -> None:
    """Store an object. One call."""
    s3.put_object(key, content, BINARY)


def find(key: str) -> bytes | None:
    """The object's content, or None when it is gone. One call."""
    return s3.find_object(key)


def read_range(key: str, start: int, length: int) -> bytes | None:
    """At most so many bytes of the object from `start` on, or None when it is gone. One call."""
    return s3.find_object(key, start, length)


def delete(keys: Sequence[str]) -> None:
    """Delete objects that may be gone already. One call for each thousand."""
    s3.delete_objects(keys)


def list_all(org: str, workspace_id: str) -> Iterator[StoredKey]:
    """Every object of a workspace. One call for each thousand."""
    return (StoredKey(key, stored_at) for key, stored_at in s3.list_objects(prefix(org, workspace_id)))

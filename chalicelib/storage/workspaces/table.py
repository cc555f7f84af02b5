"""The `workspaces` table: its keys and items. It has no stream: nothing follows from a change of it.

org#<org>             current               which workspace is current
                      name#<name>           the workspace that has this name
                      workspace#<id>        a workspace
workspace#<org>#<id>  data#<path>           the content of a small file that differs from the last commit
                      log#<generation>#<commit>   commits
                      repo                  the repository
                      tree#<path>           a file that differs from the last commit

`repo` is between the commits and the files, so that one Query reads it together with either of them.
"""

import hashlib

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.storage.aws.columns import CompactJson
from chalicelib.storage.aws.dynamodb import Item

CURRENT, REPOSITORY = "current", "repo"
DATA_PREFIX, LOG_PREFIX, NAME_PREFIX, FILE_PREFIX, WORKSPACE_PREFIX = "data#", "log#", "name#", "tree#", "workspace#"
MAX_KEY_BYTES = 1000
"""DynamoDB's keys have at most 1,024 bytes; a longer path is stored under its digest, behind a slash: no path begins
with one."""


class WorkspacesTable(Item):
    class Meta:
        setting = "workspaces_table"

    partition = UnicodeAttribute(hash_key=True)
    key = UnicodeAttribute(range_key=True)


class OrgItem(WorkspacesTable):
    current_id = UnicodeAttribute()
    current_name = UnicodeAttribute()
    created_at = NumberAttribute()
    workspaces = NumberAttribute()
    switched_at = NumberAttribute()
    version = NumberAttribute()


class NameItem(WorkspacesTable):
    workspace_id = UnicodeAttribute()


class WorkspaceItem(WorkspacesTable):
    name = UnicodeAttribute()
    created_at = NumberAttribute()


class RepositoryItem(WorkspacesTable):
    branch = UnicodeAttribute()
    head = UnicodeAttribute(null=True)
    generation = NumberAttribute()
    commits = NumberAttribute()
    manifest = UnicodeAttribute(null=True)
    files = NumberAttribute()
    packs = CompactJson()
    remotes = CompactJson()
    version = NumberAttribute()


class LogItem(WorkspacesTable):
    records = BinaryAttribute(legacy_encoding=False)


class FileItem(WorkspacesTable):
    path = UnicodeAttribute()
    write_id = UnicodeAttribute()
    created_at = NumberAttribute()
    modified_at = NumberAttribute()
    sha = UnicodeAttribute(null=True)
    mode = NumberAttribute()
    size = NumberAttribute()
    blob = UnicodeAttribute(null=True)
    is_deleted = BooleanAttribute(null=True)


class ContentItem(WorkspacesTable):
    write_id = UnicodeAttribute()
    content = BinaryAttribute(legacy_encoding=False)


def org_partition(org: str) -> str:
    """The partition of an org's workspaces."""
    return f"org#{org}"


def partition(org: str, workspace_id: str) -> str:
    """The partition of a workspace's repository and files."""
    return f"workspace#{org}#{workspace_id}"


def end_of(prefix: str) -> str:
    """A sort key behind all that begin with the prefix, which ends in "#"."""
    return prefix[:-1] + chr(ord("#") + 1)


def path_key(prefix: str, path: str) -> str:
    """The sort key of a path."""
    if len(path.encode()) > MAX_KEY_BYTES:
        path = "/" + hashlib.sha256(path.encode()).hexdigest()
    return prefix + path


def unconditional() -> Condition:
    """A condition that always holds: for a write that says the same whoever makes it."""
    anything: Condition = WorkspacesTable.key.exists() | WorkspacesTable.key.does_not_exist()
    return anything

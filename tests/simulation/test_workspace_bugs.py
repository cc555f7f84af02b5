"""The invariant of workspaces fails when a bug is put into the code (docs/how-it-works/reliability.md)."""

from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.engine.workspaces import commits, publishing, repack
from chalicelib.storage.workspaces import files, objects, repositories
from tests.simulation.workspace_stories import STORIES, workspaces_are_whole
from tests.support.world import World


def _store_nothing(_key: str, _content: bytes) -> None:
    """A pack or a content that is not stored."""


def _read_no_log(*_: Any) -> list[Any]:
    return []


def _count_twice(*arguments: Any) -> None:
    *before, total = arguments
    _publish(*before, total + 1)


def _move_nothing(manifest: Any, *_: Any) -> Any:
    return manifest


def _write_another_content(org: str, workspace_id: str, old: Any, new: Any, content: Any) -> Any:
    return _write_writes(org, workspace_id, old, new, content and content + b"!")


_publish, _write_writes = publishing.publish, files.write_writes

BUGS: dict[str, tuple[str, Any]] = {
    "a pack is not stored": ("commit", patch.object(objects, "put", _store_nothing)),
    "a commit is not logged": ("commit", patch.object(repositories, "log_writes", _read_no_log)),
    "a commit is counted twice": ("commit", patch.object(commits.publishing, "publish", _count_twice)),
    "another content is stored": ("small file", patch.object(files, "write_writes", _write_another_content)),
    "joined packs leave the list of files alone": ("joining of packs", patch.object(repack, "_moved", _move_nothing)),
    "a cleanup deletes what is named": (
        "cleanup of a workspace",
        patch.object(objects, "object_key", lambda *given: f"elsewhere/{given}"),
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_found(world: World, name: str) -> None:
    story, bug = BUGS[name]
    act = STORIES[story](world)
    workspaces_are_whole(world)
    with bug:
        act()
    with pytest.raises(AssertionError):
        workspaces_are_whole(world)

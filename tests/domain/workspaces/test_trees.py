"""Files by path: differences, and merged trees."""

from chalicelib.domain.workspaces import trees
from chalicelib.domain.workspaces.values import FILE_MODE, CommittedFile, FileRow

PROGRAM_MODE = 0o100755


def file(sha: str, mode: int = FILE_MODE) -> CommittedFile:
    return CommittedFile(sha, mode, 1, 0, 0, "pack", 12)


def row(path: str, sha: str = "", *, deleted: bool = False) -> FileRow:
    return FileRow(path, "w", 1, 2, sha, FILE_MODE, 7, is_deleted=deleted)


def rows(*found: FileRow) -> dict[str, FileRow]:
    return {each.path: each for each in found}


MANIFEST = {"same": file("1"), "changed": file("1"), "deleted": file("1"), "dir/x": file("1")}
ROWS = rows(
    row("same", "1"), row("changed", "2"), row("deleted", deleted=True), row("new", "3"), row("never", deleted=True)
)


def test_rows_that_say_the_same_as_the_commit_say_nothing() -> None:
    changes = trees.changes(MANIFEST, ROWS)
    assert set(changes.modified) == {"changed", "deleted"}
    assert set(changes.untracked) == {"new"}


def test_files_as_they_are_now() -> None:
    files = trees.work_files(MANIFEST, ROWS)
    assert set(files) == {"same", "changed", "new", "dir/x"}
    assert files["changed"].size == 7


def test_files_and_directories_in_each_others_way() -> None:
    files = {"a/b": 1, "c": 1}
    assert trees.blocking_file("c/d/e", files) == "c"
    assert trees.blocking_file("a/x", files) is None
    assert trees.is_folder("a", files)
    assert not trees.is_folder("a/b", files)
    assert not trees.is_folder("", {})
    assert trees.files_in_the_way(["c/d", "a/b/c", "x/y"], files) == ["a/b", "c"]
    assert trees.files_below("a", files) == ["a/b"]
    assert trees.files_below("", files) == ["a/b", "c"]


def test_each_file_is_taken_from_the_side_that_changed_it() -> None:
    base = {name: file("1") for name in ("same", "ours", "theirs", "both", "alike", "gone", "fight", "mode")}
    ours = base | {"ours": file("2"), "both": file("2"), "alike": file("2"), "fight": file("2"), "new": file("9")}
    theirs = base | {"theirs": file("3"), "both": file("3"), "alike": file("2"), "mode": file("1", PROGRAM_MODE)}
    del theirs["gone"], theirs["fight"]
    merge = trees.merge_trees(base, ours, theirs)
    assert {path: found.sha for path, found in merge.files.items()} == {
        "same": "1",
        "ours": "2",
        "theirs": "3",
        "alike": "2",
        "mode": "1",
        "new": "9",
    }
    assert merge.files["mode"].mode == PROGRAM_MODE
    assert merge.both_changed == ["both", "fight"]


def test_differing_paths() -> None:
    assert trees.differing_paths(
        {"a": file("1"), "b": file("1")}, {"a": file("1"), "b": file("2"), "c": file("1")}
    ) == {
        "b",
        "c",
    }

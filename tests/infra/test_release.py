"""The checks of `make release`, in a git repository of the test's own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import chalicelib
from infra import release

PASS = (sys.executable, "-c", "")
FAIL = (sys.executable, "-c", "raise SystemExit(1)")
CHANGELOG = """\
# Changes

## Unreleased

## 1.2.0 (2026-11-29)

### Added

- A thing.

## 1.1.0 (2026-11-21)

- Another.
"""


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose commit on main can be released as 1.2.0."""
    files = {
        "pyproject.toml": '[project]\nversion = "1.2.0"\n',
        "chalicelib/__init__.py": '__version__ = "1.2.0"\n',
        "clients/python/pyproject.toml": '[project]\nversion = "1.2.0"\n',
        "clients/javascript/package.json": json.dumps({"version": "1.2.0"}),
        "CHANGELOG.md": CHANGELOG,
    }
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for name, value in {"user.name": "Test", "user.email": "test@example.com", "tag.gpgSign": "false"}.items():
        git(tmp_path, "config", name, value)
    for name, text in files.items():
        write(tmp_path, name, text)
    commit(tmp_path)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def replace(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text()
    assert old in text
    write(root, name, text.replace(old, new))


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "-m", "A commit")


def test_a_commit_that_passes_is_tagged_with_its_changes(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.release(repository, [PASS, PASS]) == 0
    assert git(repository, "cat-file", "-t", "v1.2.0") == "tag"
    assert git(repository, "rev-parse", "v1.2.0^{commit}") == git(repository, "rev-parse", "HEAD")
    message = git(repository, "tag", "--list", "--format=%(contents)", "v1.2.0")
    assert message == "Yardmaster 1.2.0\n\n### Added\n\n- A thing."
    assert capsys.readouterr().out == "Tagged v1.2.0. Nothing was pushed. Next: git push origin main v1.2.0\n"


def add_file(root: Path) -> None:
    write(root, "new.txt", "new")


def leave_main(root: Path) -> None:
    git(root, "switch", "--quiet", "--create", "other")


def raise_code_version(root: Path) -> None:
    replace(root, "chalicelib/__init__.py", "1.2.0", "1.3.0")
    commit(root)


def raise_sdk_version(root: Path) -> None:
    replace(root, "clients/javascript/package.json", "1.2.0", "1.3.0")
    commit(root)


def raise_all_versions(root: Path) -> None:
    for name in release.versions(root):
        replace(root, name, "1.2.0", "1.3.0")
    commit(root)


def drop_date(root: Path) -> None:
    replace(root, "CHANGELOG.md", " (2026-11-29)", "")
    commit(root)


def drop_changes(root: Path) -> None:
    replace(root, "CHANGELOG.md", "### Added\n\n- A thing.\n\n", "")
    commit(root)


def add_unreleased_change(root: Path) -> None:
    replace(root, "CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- Not in 1.2.0.\n")
    commit(root)


def tag(root: Path) -> None:
    git(root, "tag", "v1.2.0")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (add_file, "The work tree has changes: commit or remove them.\n?? new.txt"),
        (leave_main, "The branch is other: releases are made on main."),
        (raise_code_version, "chalicelib/__init__.py has version 1.3.0, pyproject.toml has 1.2.0."),
        (raise_sdk_version, "clients/javascript/package.json has version 1.3.0, pyproject.toml has 1.2.0."),
        (
            raise_all_versions,
            "The latest section of CHANGELOG.md is not `## 1.3.0 (YYYY-MM-DD)` with its changes below.",
        ),
        (drop_date, "The latest section of CHANGELOG.md is not `## 1.2.0 (YYYY-MM-DD)` with its changes below."),
        (drop_changes, "The latest section of CHANGELOG.md is not `## 1.2.0 (YYYY-MM-DD)` with its changes below."),
        (
            add_unreleased_change,
            "CHANGELOG.md has lines under Unreleased: move them to the version in which they are released.",
        ),
        (tag, "The tag v1.2.0 exists: raise the version."),
    ],
)
def test_what_cannot_be_released_is_not_tagged(
    repository: Path, change: Callable[[Path], None], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(repository)
    before = git(repository, "tag")
    assert release.release(repository, [FAIL]) == 1
    assert capsys.readouterr().err == f"Not released:\n- {problem}\n"
    assert git(repository, "tag") == before


def test_all_problems_are_reported_at_once(repository: Path) -> None:
    leave_main(repository)
    raise_code_version(repository)
    tag(repository)
    assert len(release.problems(repository)) == 3


@pytest.mark.parametrize("checks", [[FAIL, PASS], [PASS, FAIL]])
def test_a_check_that_fails_stops_the_release(
    repository: Path, checks: list[tuple[str, ...]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert release.release(repository, checks) == 1
    assert "failed" in capfd.readouterr().err
    assert git(repository, "tag") == ""


def test_a_check_that_changes_files_stops_the_release(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    touch = (sys.executable, "-c", "open('made.txt', 'w').close()")
    assert release.release(repository, [touch]) == 1
    assert "changed files" in capfd.readouterr().err
    assert git(repository, "tag") == ""


def test_this_repository_has_one_version_and_the_changelog_has_it() -> None:
    stated = release.versions(release.ROOT)
    assert set(stated.values()) == {chalicelib.__version__}
    released = [heading for heading in release.changelog_sections(release.ROOT) if heading != "Unreleased"]
    assert released[0].startswith(f"{chalicelib.__version__} (")


def test_the_checks_are_targets_of_the_makefile() -> None:
    makefile = (release.ROOT / "Makefile").read_text()
    assert all(f"\n{target}: " in makefile for _, target in release.CHECKS)

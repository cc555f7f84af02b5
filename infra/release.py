"""Check that the checked-out commit can be released as the version that it names, and tag it: `make release`.

Nothing is pushed. All problems are reported at once, on standard error, with exit status 1; the slow checks
(`make lint`, `make test`) run only when there is none. The tag is annotated with the version's section of CHANGELOG.md.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
BRANCH = "main"
CHECKS = (("make", "lint"), ("make", "test"))
_UNRELEASED = "Unreleased"
_DATED = re.compile(r"(\S+) \((\d{4}-\d\d-\d\d)\)")


def versions(root: Path) -> dict[str, str]:
    """The version that each file states, by the file's path; all of them are to be the same."""
    code = (root / "chalicelib/__init__.py").read_text()
    package = json.loads((root / "clients/javascript/package.json").read_text())
    return {
        "pyproject.toml": _project_version(root / "pyproject.toml"),
        "chalicelib/__init__.py": "".join(re.findall(r'^__version__ = "(.*)"$', code, re.MULTILINE)),
        "clients/python/pyproject.toml": _project_version(root / "clients/python/pyproject.toml"),
        "clients/javascript/package.json": str(package["version"]),
    }


def _project_version(path: Path) -> str:
    return str(tomllib.loads(path.read_text())["project"]["version"])


def changelog_sections(root: Path) -> dict[str, str]:
    """The text below each heading of the second level of CHANGELOG.md, in order."""
    _, *parts = re.split(r"^## (.*)\n", (root / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], (text.strip() for text in parts[1::2]), strict=True))


def problems(root: Path) -> list[str]:
    """Return why the commit cannot be released, by its files and its repository; empty if it can be released."""
    return [*_repository_problems(root), *_version_problems(root)]


def release(root: Path, checks: Sequence[Sequence[str]] = CHECKS) -> int:
    """Check and tag; the exit status."""
    if found := problems(root):
        print("Not released:", *found, sep="\n- ", file=sys.stderr)
        return 1
    for command in checks:
        if subprocess.run(command, cwd=root, check=False).returncode:
            print(f"Not released: `{' '.join(command)}` failed.", file=sys.stderr)
            return 1
    if _git(root, "status", "--porcelain"):
        print("Not released: the checks changed files of the work tree.", file=sys.stderr)
        return 1
    version = versions(root)["pyproject.toml"]
    _tag(root, version)
    print(f"Tagged v{version}. Nothing was pushed. Next: git push origin {BRANCH} v{version}")
    return 0


def _repository_problems(root: Path) -> Iterator[str]:
    if changed := _git(root, "status", "--porcelain"):
        yield f"The work tree has changes: commit or remove them.\n{changed}"
    if (branch := _git(root, "branch", "--show-current")) != BRANCH:
        yield f"The branch is {branch or 'none'}: releases are made on {BRANCH}."


def _version_problems(root: Path) -> Iterator[str]:
    stated = versions(root)
    version = stated["pyproject.toml"]
    for file, other in stated.items():
        if other != version:
            yield f"{file} has version {other or 'none'}, pyproject.toml has {version}."
    yield from _changelog_problems(root, version)
    if _git(root, "tag", "--list", f"v{version}"):
        yield f"The tag v{version} exists: raise the version."


def _changelog_problems(root: Path, version: str) -> Iterator[str]:
    sections = changelog_sections(root)
    if sections.pop(_UNRELEASED, ""):
        yield f"CHANGELOG.md has lines under {_UNRELEASED}: move them to the version in which they are released."
    latest = _DATED.fullmatch(next(iter(sections), ""))
    if latest is None or latest[1] != version or not sections[latest[0]]:
        yield f"The latest section of CHANGELOG.md is not `## {version} (YYYY-MM-DD)` with its changes below."


def _tag(root: Path, version: str) -> None:
    [changes] = [text for heading, text in changelog_sections(root).items() if heading.startswith(f"{version} (")]
    # Otherwise git takes Markdown's headings for comments and leaves them out.
    _git(root, "tag", "--annotate", f"v{version}", "--cleanup=whitespace", "-m", f"Yardmaster {version}", "-m", changes)


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(release(ROOT))

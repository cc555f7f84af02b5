"""What CONTRIBUTING.md, SECURITY.md and the hooks before a commit say is what the code and the Makefile have."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.test_architecture import MAY_IMPORT

ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "SECURITY.md")


def text(name: str) -> str:
    return (ROOT / name).read_text()


def lint_commands() -> list[str]:
    """The commands of `make lint`, as they are run from the root of the repository."""
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE)
    assert recipe is not None
    return [line.strip().removeprefix("@").replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]


def test_the_hooks_before_a_commit_are_the_commands_of_make_lint() -> None:
    [repository] = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == lint_commands()
    assert {(hook["language"], hook["pass_filenames"]) for hook in repository["hooks"]} == {("system", False)}


def test_the_import_rule_is_the_one_that_is_tested() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", text("CONTRIBUTING.md"), re.MULTILINE)
    assert {layer: set(re.findall(r"`(\w+)`", others)) for layer, others in rows} == MAY_IMPORT


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text(page))
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_files_that_contributing_names_are_there() -> None:
    named = re.findall(r"`((?:tests|chalicelib|domain|docs|\.ci)/[\w/.-]+)`", text("CONTRIBUTING.md"))
    assert len(named) > 5
    roots = (ROOT, ROOT / "chalicelib")
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []


def test_the_license_is_the_one_that_the_packages_declare() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert project["license"] == "Apache-2.0"
    assert all((ROOT / name).is_file() for name in project["license-files"])
    assert text("LICENSE").split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert tomllib.loads(text("clients/python/pyproject.toml"))["project"]["license"] == "Apache-2.0"
    assert '"license": "Apache-2.0"' in text("clients/javascript/package.json")

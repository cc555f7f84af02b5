"""The pages link to what is there and name what is in the code, and the decisions are numbered and listed."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from chalicelib.apis import processing
from chalicelib.config import Settings
from chalicelib.domain.changes.effects import Effects
from chalicelib.domain.tasks.balancing import Algorithm
from chalicelib.edge import routes_of
from infra.bundles import BUNDLES
from tests.test_architecture import ENGINE_ORDER, MAY_IMPORT

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "bench/*.md", "clients/*.md", "clients/*/README.md")
    for page in ROOT.glob(pattern)
)
DECISIONS = ROOT / "docs" / "decisions"
ONCE = 60
"""A line of prose that is longer stands on one page alone."""


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the page's headings."""
    slugs: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        before = sum(bool(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", one)) for one in slugs)
        slugs.append(f"{anchor}-{before}" if before else anchor)
    return set(slugs)


def dead_links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_to_a_heading_of_it(page: Path) -> None:
    assert list(dead_links(page)) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b`: c\n## D\n## D\n[1](#a-b-c) [2](#d-1) [3](no.md) [4](#d-2)\n```\n[5](no)\n```\n")
    assert list(dead_links(page)) == ["no.md", "#d-2"]


def test_decisions_are_numbered_without_gaps_and_listed_in_order() -> None:
    names = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    listed = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) \| .+ \|$", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    assert listed == [(name[:4], name) for name in names]
    assert [(DECISIONS / name).read_text()[:8] for name in names] == [f"# {name[:4]}: " for name in names]


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda page: str(page.name))
def test_a_decision_has_a_date_a_status_and_the_alternatives_that_were_refused(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Alternatives refused"]
    assert re.search(r"^- Date: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)
    assert re.search(r"^- Status: (accepted|superseded by \[)", text, re.MULTILINE)
    assert all(len(section.strip()) > 60 for section in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_line_that_begins_with_a_number_and_a_point_belongs_to_a_list(page: Path) -> None:
    """A sentence may not begin a line with `410. So ...`: Markdown takes it for a list."""
    before = 0
    for number in map(int, re.findall(r"^ *(\d+)\. ", prose(page), re.MULTILINE)):
        assert number in (1, before + 1), f"{page}: {number}."
        before = number


def test_no_line_of_prose_stands_on_two_pages() -> None:
    seen: dict[str, Path] = {}
    for page in PAGES:
        for line in {one.strip() for one in prose(page).splitlines() if len(one.strip()) > ONCE}:
            assert line.startswith("|--") or line not in seen, f"{page} and {seen[line]}: {line}"
            seen[line] = page


# Pages that name what is in the code


def flows() -> dict[str, list[str]]:
    """The files of each flow of docs/how-it-works/a-tasks-life.md, by its heading."""
    sections = re.split(r"^## (Flow .+)$", (ROOT / "docs/how-it-works/a-tasks-life.md").read_text(), flags=re.MULTILINE)
    files = re.compile(r"^\| \d+ \| `([^`]+)` \|", re.MULTILINE)
    return {sections[i]: files.findall(sections[i + 1]) for i in range(1, len(sections), 2)}


def test_a_reader_follows_each_flow_through_at_most_fifteen_files_that_exist() -> None:
    assert len(flows()) == 4
    for files in flows().values():
        assert 5 < len(files) <= 15
        assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_overview_names_every_package_of_the_engine_in_their_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/how-it-works/overview.md").read_text(), re.MULTILINE)
    assert tuple(rows) == tuple(ENGINE_ORDER)


def test_the_picture_of_the_layers_has_the_imports_that_are_allowed() -> None:
    picture = (ROOT / "docs/how-it-works/overview.md").read_text().partition("## The layers of the code")[2]
    arrows = re.findall(r'^    (\w+)(?:\["[^"]*"\])? --> ([\w &]+)$', picture, re.MULTILINE)
    drawn = {layer: set(others.split(" & ")) for layer, others in arrows}
    assert drawn == {layer: others for layer, others in MAY_IMPORT.items() if others}


def glossary(heading: str) -> str:
    page = (ROOT / "docs/reference/glossary.md").read_text()
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_glossary_has_every_package_of_the_engine() -> None:
    engine = ROOT / "chalicelib/engine"
    packages = {path.parent.name for path in engine.glob("*/__init__.py")}
    modules = {path.stem for path in engine.glob("*.py")} - {"__init__"}
    rows = re.findall(r"^\| `(\w+)` \|", glossary("Packages of the engine"), re.MULTILINE)
    assert rows == sorted(packages | modules)


def test_the_glossary_has_every_queue() -> None:
    settings = {field.name.removesuffix("_queue") for field in fields(Settings) if field.name.endswith("_queue")}
    assert set(re.findall(r"^\| `(\w+)` \|", glossary("Queues"), re.MULTILINE)) == settings


def test_the_glossary_has_every_kind_of_effect() -> None:
    kinds = {re.sub(r"tuple\[(\w+), \.\.\.\]", r"\1", str(field.type)) for field in fields(Effects)}
    kinds = {re.sub(r".*\.(\w+), \.\.\.\]", r"\1", kind) for kind in kinds}
    section = glossary("Changes and what follows from them")
    assert set(re.findall(r"^\| \*\*[\w -]+\*\* \| `(\w+)` \|", section, re.MULTILINE)) == kinds


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_imports_of_this_project_can_be_imported(page: Path) -> None:
    for module, names in re.findall(r"from ((?:chalicelib|infra)[\w.]*) import ([\w, ]+)", page.read_text()):
        assert all(hasattr(importlib.import_module(module), name.strip()) for name in names.split(",")), module


def test_the_invariants_and_tests_that_the_promises_name_exist() -> None:
    page = (ROOT / "docs/how-it-works/reliability.md").read_text()
    source = "\n".join(path.read_text() for path in (ROOT / "tests/simulation").glob("*.py"))
    rows = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    names = set(re.findall(r"`([a-z]+(?:_[a-z]+){2,})`", rows))
    assert len(names) > 15
    assert [name for name in names if f"def {name}(" not in source] == []
    paths = re.findall(r"`((?:tests|bench)/[\w/.]+)`", page)
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_modules_that_a_page_names_exist(page: Path) -> None:
    layers = sorted(path.name for path in (ROOT / "chalicelib").iterdir() if path.is_dir())
    folders = "|".join(["chalicelib", "infra", "tests", "bench", "docs", *layers])
    named = re.findall(rf"`((?:{folders})/[\w/.-]+\.(?:py|sh|md|mjs|txt|toml))`", prose(page))
    if page.name != "CHANGELOG.md":
        assert [name for name in named if not any((root / name).exists() for root in (ROOT, ROOT / "chalicelib"))] == []


def test_the_page_of_the_processing_api_has_all_its_endpoints_and_no_other() -> None:
    page = (ROOT / "docs/reference/processing-api.md").read_text()
    rows = re.findall(r"^\| `([A-Z]+ /\S+)` \|", page, re.MULTILINE)
    documented = {f"{endpoint.method} {endpoint.path}" for endpoint in routes_of(processing.api)}
    assert set(rows) == documented - {"GET /docs", "GET /openapi.json"}
    assert [name for name in Algorithm if f"`{name}`" not in page] == []


def test_every_endpoint_that_a_page_names_exists() -> None:
    apis = [importlib.import_module(f"chalicelib.apis.{bundle.name}").api for bundle in BUNDLES if bundle.http]
    endpoints = {(each.method, re.sub(r"{\w+\+?}", "{}", each.path)) for api in apis for each in routes_of(api)}
    named = {
        (method, re.sub(r"{\w+}", "{}", path))
        for page in (ROOT / "docs").rglob("*.md")
        for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`\s?|]*)[`\s?]", page.read_text())
    }
    assert len(named) > 50
    assert named - endpoints == set()

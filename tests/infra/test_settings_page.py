"""docs/reference/settings.md has every setting and variable that the code reads, with its type and default, and no
other."""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from chalicelib import config
from chalicelib.config import Settings
from chalicelib.providers.extras import EXTRAS
from infra.bundles import BUNDLES
from infra.local import __main__ as local
from infra.local import stack
from infra.local.demo import __main__ as demo
from infra.merge import merge_template

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text()
TYPES: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "flag",
    frozenset[str]: "list",
    dict[str, str]: "JSON: name to text",
    dict[str, int]: "JSON: name to whole number",
}
FIELDS = {field.name.upper(): field for field in fields(Settings)}
BY_LAMBDA = {"AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"}
BY_LIBRARIES = {"POWERTOOLS_TRACE_DISABLED", "AWS_ENDPOINT_URL_SQS"}
"""Read only by powertools and by boto3."""


def tables(header: str) -> Iterator[dict[str, str]]:
    """Every row of the page's tables whose first column has this heading, by that column."""
    columns: list[str] = []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells
        elif columns[0] == header and line.startswith("| `"):
            yield dict(zip(columns, cells, strict=True))


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def format_default(value: Any) -> str:
    """A default value in the page's notation."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, frozenset):
        text = ",".join(sorted(value))
    elif isinstance(value, dict):
        text = json.dumps(value)
    else:
        text = str(value)
    return f"`{text}`" if text else "(empty)"


SETTINGS = {names(row["setting"])[0]: row for row in tables("setting")}
VARIABLES = {name: row for row in tables("variable") for name in names(row["variable"])}


def test_every_setting_is_on_the_page_and_no_other() -> None:
    assert sorted(SETTINGS) == sorted(FIELDS)
    assert len(list(tables("setting"))) == len(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_its_type_and_default_are_those_of_the_code(name: str) -> None:
    row, field = SETTINGS[name], FIELDS[name]
    assert row["type"] == TYPES[field.type]
    assert row["default"] == format_default(getattr(Settings(), field.name))


@pytest.mark.parametrize("name", FIELDS)
def test_where_it_matters_and_what_happens_if_it_is_wrong_is_said(name: str) -> None:
    assert all(len(SETTINGS[name][column]) > 5 for column in ("where it matters", "if it is wrong"))


@pytest.mark.parametrize("name", FIELDS)
def test_its_default_can_be_set_as_the_page_writes_it(name: str) -> None:
    text = SETTINGS[name]["default"].strip("`")
    if text != "(empty)":
        assert config._parse(FIELDS[name].name, text) == getattr(Settings(), FIELDS[name].name)


def test_what_the_stack_gives_is_marked() -> None:
    given = {name for bundle in BUNDLES for name in environment(bundle)} - {"POWERTOOLS_SERVICE_NAME"}
    assert {name for name, row in SETTINGS.items() if "*stack*" in row["where it matters"]} == given


def environment(bundle: Any) -> set[str]:
    return set(merge_template(bundle)["Globals"]["Function"]["Environment"]["Variables"])


@pytest.mark.parametrize("bundle", [bundle for bundle in BUNDLES if bundle.http], ids=lambda bundle: bundle.name)
def test_every_api_s_port_is_on_the_page(bundle: Any) -> None:
    api = importlib.import_module(f"chalicelib.apis.{bundle.name}").api
    assert VARIABLES[f"PORT_{bundle.name.upper()}"]["default"] == f"`{api.port}`"


@pytest.mark.parametrize("name", EXTRAS)
def test_the_switch_of_every_extra_is_on_the_page(name: str) -> None:
    assert (VARIABLES | SETTINGS)[name.upper()]["default"] == "`on`"


def test_the_local_stack_s_defaults_are_those_of_the_code() -> None:
    found = {name: names(VARIABLES[name]["default"])[0] for name in ("SWEEP_SECONDS", "LOG_LEVEL")}
    assert found == {"SWEEP_SECONDS": f"{stack.SWEEP_SECONDS:g}", "LOG_LEVEL": local.DEFAULTS["LOG_LEVEL"]}
    assert VARIABLES["TASKS"]["default"] == f"`{demo.TASKS}`"
    assert f"`make run` opens `{local.DEFAULTS['OPEN_APIS']}`" in SETTINGS["OPEN_APIS"]["where it matters"]


def test_every_variable_that_is_read_is_on_the_page_and_no_other() -> None:
    ports = {f"PORT_{bundle.name.upper()}" for bundle in BUNDLES if bundle.http}
    switches = {name.upper() for name in EXTRAS}
    read = set().union(*map(read_in, [ROOT / "app.py", *sources("chalicelib"), *sources("infra")]))
    unknown = read - VARIABLES.keys() - FIELDS.keys()
    assert unknown == set(), "put them on the page"
    assert VARIABLES.keys() - read - ports - switches - BY_LIBRARIES == set(), "nothing reads them"


def sources(folder: str) -> list[Path]:
    return list((ROOT / folder).rglob("*.py"))


READERS = {"get", "setdefault", "pop", "getenv", "_read_variable", "port_of", "seconds_of", "switch_of"}


def read_in(path: Path) -> set[str]:
    """Names of the variables that a file reads, or for which it sets a default."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and _reads(node.func):
            names |= _name(node.args[0], path)
        elif isinstance(node, ast.Subscript) and _is_environ(node.value):
            names |= _name(node.slice, path)
        elif isinstance(node, ast.Compare) and any(_is_environ(one) for one in node.comparators):
            names |= _name(node.left, path)
    return names | (local.DEFAULTS.keys() if path == Path(str(local.__file__)) else set())


def _reads(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr in READERS and _is_environ(function.value)
    return isinstance(function, ast.Name) and function.id in READERS


def _is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def _name(node: ast.expr, path: Path) -> set[str]:
    """A name that is written as a text or a constant of the module. Composed names are tested elsewhere."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    value = getattr(module, node.id, None) if isinstance(node, ast.Name) else None
    return {value} if isinstance(value, str) else set()

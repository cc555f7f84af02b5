"""The architecture: which layer may import which, where time and chance come from, and which files must exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "chalicelib"
SHARED_MODULES = {"config", "clock", "ids", "errors", "observability", ""}
"""The modules that every layer may import; "" is chalicelib itself, which holds the version."""
MAY_IMPORT = {
    "app": {"apis", "functions", "edge"},
    "apis": {"edge", "engine", "domain"},
    "functions": {"engine"},
    "engine": {"domain", "storage", "providers"},
    "storage": {"domain"},
    "edge": set(),
    "providers": {"domain"},
    "domain": set(),
}
SHARED_FOR = dict.fromkeys(MAY_IMPORT, SHARED_MODULES) | {"domain": {"errors"}}
ENGINE_ORDER = (
    "ttl_cache",
    "security",
    "documents",
    "workspaces",
    "usage",
    "tasks",
    "models",
    "subtasks",
    "conversations",
    "contents",
    "settings",
    "chunks",
    "search",
    "changes",
    "statistics",
    "live",
    "deliveries",
    "workers",
    "webhooks",
    "messaging",
    "social",
    "dispatch",
    "surveys",
    "code_tasks",
    "hook_events",
    "workflows",
    "training",
    "recognition",
    "projects",
    "content_tasks",
    "inbound_events",
    "bulk_operations",
    "orchestration",
    "intents",
    "accounts",
    "integrations",
    "oauth",
    "events",
    "schedule",
)
"""The packages inside engine/, low to high: each may import only lower ones."""
GATHERING_MODULES = {"event_payloads.py", "websockets.py", "task_feed_frames.py"}
AWS = {"pynamodb", "botocore", "boto3"}
CHANCE = {"random", "uuid", "secrets"}
TIME = re.compile(r"\b(time\.(time|time_ns|monotonic|perf_counter|sleep)|datetime\.(now|utcnow|today)|date\.today)\(")


class Import(NamedTuple):
    """`what` is a dotted module name; from `chalicelib.engine import tasks` gives `chalicelib.engine.tasks`."""

    by: Path
    what: str


def imports(source: str, by: Path) -> Iterator[Import]:
    """Every import of a file, those within functions too; one under `if TYPE_CHECKING` counts as any other."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(by, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{by}: a relative import"
            yield from (Import(by, f"{node.module}.{name.name}") for name in node.names)


def layer_of(path: Path) -> str:
    """`app` for app.py, else the folder or the module directly below chalicelib."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "app" if parts == ("app",) else parts[1].removeprefix("__init__")


def import_problem(imported: Import) -> str | None:
    """What is wrong with an import; None if nothing is."""
    top, _, rest = imported.what.partition(".")
    layer, other = layer_of(imported.by), rest.partition(".")[0]
    if top in AWS and layer != "storage":
        return f"{layer} imports {top}"
    if top in CHANCE and layer != "ids":
        return f"{layer} imports {top}"
    if top != "chalicelib" or layer == other:
        return None if top != "chalicelib" or layer != "apis" else sibling_problem(imported)
    if not (PACKAGE / other).is_dir() and not (PACKAGE / f"{other}.py").is_file():
        other = ""  # a name of chalicelib itself
    allowed = MAY_IMPORT.get(layer, set()) | SHARED_FOR.get(layer, SHARED_MODULES)
    return None if other in allowed else f"{layer} imports {other}"


def sibling_problem(imported: Import) -> str | None:
    """An API imports no other API; the modules in GATHERING_MODULES import all of them, and other modules none."""
    own, other = imported.by.relative_to(PACKAGE / "apis").parts[0], imported.what.split(".")[2]
    if (PACKAGE / "apis" / f"{other}.py").is_file() and f"{other}.py" not in GATHERING_MODULES:
        return None
    return None if other in (own, "") or own in GATHERING_MODULES else f"{own} imports its sibling {other}"


def engine_order_problem(imported: Import) -> str | None:
    """What is wrong with an import within the engine; None if it is of the same package or a lower one."""
    parts = imported.what.split(".")
    if parts[:2] != ["chalicelib", "engine"] or len(parts) < 3:
        return None
    own, other = Path(imported.by.relative_to(PACKAGE / "engine").parts[0]).stem, parts[2]
    for package in (own, other):
        if package not in (*ENGINE_ORDER, "__init__"):
            return f"{package} has no place in ENGINE_ORDER"
    if own == other or ENGINE_ORDER.index(other) < ENGINE_ORDER.index(own):
        return None
    return f"{own} imports {other}"


def sources() -> list[Path]:
    return [ROOT / "app.py", *sorted(PACKAGE.rglob("*.py"))]


def name_below_root(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(), ids=name_below_root)
def test_imports_go_one_way(path: Path) -> None:
    assert [said for found in imports(path.read_text(), path) if (said := import_problem(found))] == []


@pytest.mark.parametrize(
    ("by", "source", "said"),
    [
        ("domain/x.py", "from chalicelib.storage import tasks", "domain imports storage"),
        ("domain/x.py", "from chalicelib import clock", "domain imports clock"),
        ("engine/x.py", "import chalicelib.edge", "engine imports edge"),
        ("engine/x.py", "def f():\n    from chalicelib.apis import processing", "engine imports apis"),
        ("engine/x.py", "import boto3", "engine imports boto3"),
        ("apis/one/x.py", "from botocore.exceptions import ClientError", "apis imports botocore"),
        ("apis/one/x.py", "from chalicelib.storage import tasks", "apis imports storage"),
        ("apis/one/x.py", "from chalicelib.apis.two import access", "one imports its sibling two"),
        ("edge/x.py", "from chalicelib import engine", "edge imports engine"),
        ("functions/x.py", "from chalicelib.edge import Api", "functions imports edge"),
        ("storage/x.py", "from chalicelib.engine.tasks import submit", "storage imports engine"),
        ("clock.py", "from chalicelib.engine import tasks", "clock imports engine"),
        ("engine/x.py", "from uuid import uuid4", "engine imports uuid"),
    ],
)
def test_a_wrong_import_is_found(by: str, source: str, said: str) -> None:
    assert [import_problem(found) for found in imports(source, PACKAGE / by)] == [said]


def test_a_right_import_is_not_found() -> None:
    source = "from chalicelib import __version__, clock\nfrom chalicelib.apis.one import access\nimport json"
    assert [import_problem(found) for found in imports(source, PACKAGE / "apis/one/x.py")] == [None] * 4


@pytest.mark.parametrize("path", sources(), ids=name_below_root)
def test_time_comes_from_the_clock(path: Path) -> None:
    if path.name != "clock.py":
        assert [found.group() for found in TIME.finditer(path.read_text())] == []


def test_the_search_for_time_finds_it() -> None:
    for line in ("time.time()", "time.sleep(1)", "datetime.now(UTC)", "datetime.datetime.utcnow()"):
        assert TIME.search(line)


@pytest.mark.parametrize("path", sorted((PACKAGE / "engine").rglob("*.py")), ids=name_below_root)
def test_packages_of_the_engine_import_only_lower_ones(path: Path) -> None:
    assert [error for each in imports(path.read_text(), path) if (error := engine_order_problem(each))] == []


@pytest.mark.parametrize(
    ("by", "source", "error"),
    [
        ("documents/x.py", "from chalicelib.engine.tasks import lifecycle", "documents imports tasks"),
        ("tasks/x.py", "from chalicelib.engine.documents import optimistic", None),
        ("tasks/x.py", "from chalicelib.engine.tasks import lifecycle", None),
        ("surveys.py", "from chalicelib.engine import events", "surveys imports events"),
        ("events/x.py", "from chalicelib.engine.new_package import x", "new_package has no place in ENGINE_ORDER"),
    ],
)
def test_a_wrong_order_is_found(by: str, source: str, error: str | None) -> None:
    path = PACKAGE / "engine" / by
    assert [engine_order_problem(each) for each in imports(source, path)] == [error]


def test_every_package_of_the_engine_has_a_place_in_the_order() -> None:
    present = {path.stem for path in (PACKAGE / "engine").iterdir() if path.name not in ("__init__.py", "__pycache__")}
    assert present == set(ENGINE_ORDER)


@pytest.mark.parametrize("layer", ["engine", "domain", "storage", "providers"])
def test_every_package_says_what_it_is_for(layer: str) -> None:
    silent = [
        name_below_root(path)
        for path in sorted((PACKAGE / layer).rglob("__init__.py"))
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_every_folder_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [name_below_root(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_what_make_can_do_is_there() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", text, re.MULTILINE))
    assert targets >= {
        "release",
        "run",
        "demo",
        "token",
        "test",
        "soak",
        "test-dynalite",
        "bench",
        "bench-local",
        "lint",
        "clean",
    }
    scripts = re.findall(r"\bsh (\S+\.sh)", text)
    assert scripts
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


COMMANDS = ["Makefile", ".ci/run", "tests/dynalite.sh", "infra/package.mk"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_tests_that_a_command_names_are_there(name: str) -> None:
    paths = re.findall(r"\btests/[\w./*-]+", (ROOT / name).read_text())
    assert [path for path in paths if not list(ROOT.glob(path.rstrip(".")))] == []

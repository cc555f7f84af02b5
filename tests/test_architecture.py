"""The plan of the world: who may import whom, where time and chance come from, and what must be there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "chalicelib"
ASKED_BY_ALL = {"config", "clock", "ids", "errors", "observability", ""}
"""The rooms that every other may import; "" is chalicelib itself, which holds the version."""
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
TO_ALL = dict.fromkeys(MAY_IMPORT, ASKED_BY_ALL) | {"domain": {"errors"}}
GATHERING = {"event_payloads.py", "websockets.py", "task_feed_frames.py"}
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


def room_of(path: Path) -> str:
    """`app` for app.py, else the folder or the module directly below chalicelib."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "app" if parts == ("app",) else parts[1].removeprefix("__init__")


def wrong(found: Import) -> str | None:
    """What is wrong with an import; None if nothing is."""
    top, _, rest = found.what.partition(".")
    room, other = room_of(found.by), rest.partition(".")[0]
    if top in AWS and room != "storage":
        return f"{room} imports {top}"
    if top in CHANCE and room != "ids":
        return f"{room} imports {top}"
    if top != "chalicelib" or room == other:
        return None if top != "chalicelib" or room != "apis" else wrong_sibling(found)
    if not (PACKAGE / other).is_dir() and not (PACKAGE / f"{other}.py").is_file():
        other = ""  # a name of chalicelib itself
    allowed = MAY_IMPORT.get(room, set()) | TO_ALL.get(room, ASKED_BY_ALL)
    return None if other in allowed else f"{room} imports {other}"


def wrong_sibling(found: Import) -> str | None:
    """An API knows no other API; the modules beside them gather what all of them serve."""
    own, other = found.by.relative_to(PACKAGE / "apis").parts[0], found.what.split(".")[2]
    return None if other in (own, "") or own in GATHERING else f"{own} imports its sibling {other}"


def sources() -> list[Path]:
    return [ROOT / "app.py", *sorted(PACKAGE.rglob("*.py"))]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(), ids=named)
def test_imports_go_one_way(path: Path) -> None:
    assert [said for found in imports(path.read_text(), path) if (said := wrong(found))] == []


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
    assert [wrong(found) for found in imports(source, PACKAGE / by)] == [said]


def test_a_right_import_is_not_found() -> None:
    source = "from chalicelib import __version__, clock\nfrom chalicelib.apis.one import access\nimport json"
    assert [wrong(found) for found in imports(source, PACKAGE / "apis/one/x.py")] == [None] * 4


@pytest.mark.parametrize("path", sources(), ids=named)
def test_time_comes_from_the_clock(path: Path) -> None:
    if path.name != "clock.py":
        assert [found.group() for found in TIME.finditer(path.read_text())] == []


def test_the_search_for_time_finds_it() -> None:
    for line in ("time.time()", "time.sleep(1)", "datetime.now(UTC)", "datetime.datetime.utcnow()"):
        assert TIME.search(line)


def test_every_folder_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [named(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


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

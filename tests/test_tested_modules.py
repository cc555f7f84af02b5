"""Every module of the engine and of storage has a test file of its own name, or a line that says which file tests it.

The test file of `chalicelib/engine/tasks/submission.py` is `tests/engine/tasks/test_submission.py`. The lines are in
tests/tested_elsewhere.toml.
"""

import ast
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("engine", "storage")
ELSEWHERE = "tests/tested_elsewhere.toml"


def has_code(path: Path) -> bool:
    """Whether the file holds more than docstrings, as an `__init__.py` may."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def modules(root: Path) -> list[str]:
    """The modules that need tests, as paths below `chalicelib`."""
    package = root / "chalicelib"
    found = (path for layer in LAYERS for path in sorted((package / layer).rglob("*.py")))
    return [str(path.relative_to(package)) for path in found if has_code(path)]


def own_test(module: str) -> str:
    """The test file of the module's own name, as a path below the root."""
    path = Path("tests", module)
    return str(path.with_name(f"test_{path.stem}.py"))


def lines(root: Path) -> dict[str, str]:
    """Module -> the file that tests it, of those without a test file of their own name."""
    return tomllib.loads((root / ELSEWHERE).read_text())


@cache
def imported_names(path: Path) -> frozenset[str]:
    """Everything that a file imports: modules, and names in them that may be modules."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{name.name}" for name in node.names} | {str(node.module)}
    return frozenset(names)


def dotted_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def file_of(root: Path, module: str) -> Path | None:
    """The file of a dotted name of ours; None for others."""
    base = root / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def used_files(root: Path, test: str) -> set[Path]:
    """The files of ours that a test uses: what it and its helpers import; of a test of an API, the API's own modules.

    tests/support is left out: it drives a whole deployment, and so reaches every module.
    """
    names = set(imported_names(root / test))
    for name in list(names):
        helper = file_of(root, name)
        if helper is not None and name.startswith("tests.") and not name.startswith("tests.support"):
            names |= imported_names(helper)
    files = {file_of(root, name) for name in names if name.startswith("chalicelib.")}
    layer, _, rest = test.removeprefix("tests/").partition("/")
    if layer == "apis":
        files |= set((root / "chalicelib/apis" / rest.split("/")[0]).rglob("*.py"))
    return {path for path in files if path is not None}


def reaches(root: Path, test: str, module: str) -> bool:
    """Whether a file that the test uses is the module, or imports it, directly or through one more file."""
    wanted = root / "chalicelib" / module
    files = used_files(root, test)
    for _ in range(2):
        if wanted in files:
            return True
        names = {name for path in files for name in imported_names(path) if name.startswith("chalicelib.")}
        files |= {path for path in (file_of(root, name) for name in names) if path is not None}
    return wanted in files


def problems(root: Path, elsewhere: Mapping[str, str]) -> list[str]:
    """What is wrong with the modules' tests and with the lines about them."""
    there = modules(root)
    untested = [module for module in there if module not in elsewhere and not (root / own_test(module)).is_file()]
    listed = [f"{module} has neither {own_test(module)} nor a line in {ELSEWHERE}" for module in untested]
    for module, test in elsewhere.items():
        if module not in there:
            listed.append(f"{module} has a line and does not exist")
        elif (root / own_test(module)).is_file():
            listed.append(f"{module} has {own_test(module)} and needs no line")
        elif not (root / test).is_file():
            listed.append(f"{module} is said to be tested by {test}, which does not exist")
        elif not reaches(root, test, module):
            listed.append(f"{test} is said to test {module}, but does not import it, nor through two other modules")
    return listed


def test_every_module_of_the_engine_and_of_storage_is_tested() -> None:
    assert problems(ROOT, lines(ROOT)) == []


def test_the_lines_are_in_order() -> None:
    assert list(lines(ROOT)) == sorted(lines(ROOT))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one module of the engine that has its own test, and one of storage that the same file tests."""
    files = {
        "chalicelib/__init__.py": "",
        "chalicelib/engine/__init__.py": '"""No code."""',
        "chalicelib/engine/tasks/lifecycle.py": "from chalicelib.storage import table",
        "chalicelib/storage/table.py": "X = 1",
        "tests/engine/tasks/test_lifecycle.py": "from chalicelib.engine.tasks import lifecycle",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


TEST = "tests/engine/tasks/test_lifecycle.py"
LINES = {"storage/table.py": TEST}


def test_a_tree_whose_modules_are_tested_has_no_problem(tree: Path) -> None:
    assert problems(tree, LINES) == []


def test_a_new_module_without_test_or_line_is_found(tree: Path) -> None:
    (tree / "chalicelib/engine/tasks/new.py").write_text("X = 1")
    found = f"engine/tasks/new.py has neither tests/engine/tasks/test_new.py nor a line in {ELSEWHERE}"
    assert problems(tree, LINES) == [found]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"storage/gone.py": TEST}, "storage/gone.py has a line and does not exist"),
        ({"engine/tasks/lifecycle.py": TEST}, f"engine/tasks/lifecycle.py has {TEST} and needs no line"),
        (
            {"storage/x.py": "tests/test_x.py"},
            "storage/x.py is said to be tested by tests/test_x.py, which does not exist",
        ),
        (
            {"storage/x.py": TEST},
            f"{TEST} is said to test storage/x.py, but does not import it, nor through two other modules",
        ),
    ],
)
def test_a_wrong_line_is_found(tree: Path, line: dict[str, str], problem: str) -> None:
    if "storage/x.py" in line:
        (tree / "chalicelib/storage/x.py").write_text("X = 1")
    assert problems(tree, LINES | line) == [problem]

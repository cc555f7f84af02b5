"""Names that say nothing live for three lines at most, as CONTRIBUTING.md asks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("bench", "chalicelib", "clients", "infra", "tests")
SHORT_LIVED = ("found", "one", "said", "known", "asked", "given")
MAX_LINES = 3
WORD = re.compile(rf"\b({'|'.join(SHORT_LIVED)})\b")
BLOCK = re.compile(r"^(?=(?:async )?def |class )", re.MULTILINE)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
SCOPES = (*FUNCTIONS, *COMPREHENSIONS)

Uses = dict[str, list[int]]
"""Variable of a scope -> the lines in which it is used."""


def long_lived(source: str) -> list[str]:
    """Each of the names that lives too long in a file, with the line of its first use."""
    line, problems = 0, []
    for block in BLOCK.split(source):
        if _may_be_long_lived(block):
            try:
                # The decorators of the next block, if there are any, decorate this function.
                tree = ast.parse(f"{block}\ndef end(): ...\n")
            except SyntaxError:  # the block ends within a text that contains code
                return [f"{first} {name}" for first, name in sorted(_problems(ast.parse(source)))]
            problems += [f"{line + first} {name}" for first, name in sorted(_problems(tree))]
        line += block.count("\n")
    return problems


def _may_be_long_lived(block: str) -> bool:
    """Whether one of the names stands in lines so far apart, or in the body of a class. To parse all files is slow."""
    if block.startswith("class "):
        return WORD.search(block) is not None
    lines: dict[str, int] = {}
    for match in WORD.finditer(block):
        line = block.count("\n", 0, match.start())
        if line - lines.setdefault(match[0], line) >= MAX_LINES:
            return True
    return False


def _problems(node: ast.AST, around: tuple[Uses, ...] = ()) -> Iterator[tuple[int, str]]:
    """The long-lived names of a scope and of those within it. `around`: the variables of the scopes around it."""
    uses: Uses = {name: [] for name in _variables(node)}
    scopes = (uses, *around)
    for child in _own_nodes(node):
        name = getattr(child, "id", None) or getattr(child, "arg", None)
        if isinstance(child, (ast.Name, ast.arg)):
            for variables in scopes:
                if name in variables:
                    variables[name].append(child.lineno)
                    break
        elif isinstance(child, SCOPES):
            yield from _problems(child, scopes)
        elif isinstance(child, ast.ClassDef):
            yield from _fields(child)
            yield from _problems(child, scopes)
    yield from ((min(lines), name) for name, lines in uses.items() if max(lines) - min(lines) >= MAX_LINES)


def _fields(node: ast.ClassDef) -> Iterator[tuple[int, str]]:
    """Fields and methods of a class with such a name, which anybody may use anywhere."""
    for statement in node.body:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        names = [getattr(statement, "name", None), *(getattr(target, "id", None) for target in targets)]
        yield from ((statement.lineno, name) for name in names if name in SHORT_LIVED)


def _variables(scope: ast.AST) -> set[str]:
    """Those of the names that are variables of this scope itself, not of one within it or around it."""
    if isinstance(scope, ast.ClassDef):
        return set()
    bound = {
        node.arg if isinstance(node, ast.arg) else node.id
        for node in _own_nodes(scope)
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }
    return bound & set(SHORT_LIVED)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes within a scope, without those of the scopes within it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, (ast.ClassDef, *SCOPES)):
            yield from _own_nodes(child)


def test_names_that_say_nothing_live_for_three_lines_at_most() -> None:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(paths) > 1_000
    assert [f"{path.relative_to(ROOT)}:{line}" for path in paths for line in long_lived(path.read_text())] == []


def test_they_are_those_of_the_page() -> None:
    [line] = re.findall(r"^- Use (.*) only within three lines", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", line)) == SHORT_LIVED


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ("def f():\n    found = 1\n    a = 2\n    return found\n", []),
        ("def f():\n    found = 1\n    a = 2\n    b = 3\n    return found\n", ["2 found"]),
        ("X = 1\n\n\ndef f(said):\n    a = 2\n    b = 3\n    return said\n", ["4 said"]),
        ("def f():\n    a = 1\n\n\n@x\ndef g():\n    one = 1\n    a = 2\n    b = 3\n    return one\n", ["7 one"]),
        ("def f():\n    a = [one for one in x]\n    b = 1\n    c = 2\n    return [one for one in y]\n", []),
        ("def f():\n    return [\n        one\n        for one in x\n        if a\n        if one\n    ]\n", ["3 one"]),
        ("def f():\n    given = 1\n\n    def g():\n        a = 2\n        return given\n\n    return g\n", ["2 given"]),
        ("def f():\n    given = 1\n\n    def g(given):\n        a = 2\n        return given\n\n    return g\n", []),
        ("class A:\n    a: int\n    known: bool = False\n", ["3 known"]),
        ("class A:\n    def asked(self): ...\n", ["2 asked"]),
        ('A = """\ndef f():\n    one = 1\n"""\nB = 1\nC = 2\nD = "one"\n', []),
    ],
)
def test_what_lives_longer_is_found(source: str, problems: list[str]) -> None:
    assert long_lived(source) == problems

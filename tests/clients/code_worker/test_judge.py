"""Judge and subject: honest tests of honest code work over the wire, and code that lies does not pass."""

import shutil
from pathlib import Path

import pytest

from tests.clients.code_worker.pairs import Judged, judge

pytestmark = pytest.mark.long

CASES = Path(__file__).parent / "judged"
MARKS = {"python": "# ---- tests\n", "javascript": "// ---- tests\n"}
HONEST = [*sorted((CASES / "honest").glob("*.txt")), *sorted((CASES / "honest_javascript").glob("*.txt"))]
LIES = [*sorted((CASES / "lies").glob("*.txt")), *sorted((CASES / "lies_javascript").glob("*.txt"))]
"""The code, and after the mark tests of it: those of honest code all pass, those of the others must not."""


def judge_case(case: Path) -> Judged:
    language = "javascript" if case.parent.name.endswith("javascript") else "python"
    if language == "javascript" and shutil.which("node") is None:
        pytest.skip("needs node, which is not on this machine")
    code, _, tests = case.read_text().partition(MARKS[language])
    return judge(code, tests, language=language)


@pytest.mark.parametrize("case", HONEST, ids=lambda case: f"{case.parent.name}-{case.stem}")
def test_what_honest_tests_do(case: Path) -> None:
    judged = judge_case(case)
    assert (judged.errors, judged.end) == ([], "")
    assert judged.passed and all(judged.passed)


def test_each_assertion_and_each_test_function_is_a_test_of_its_own() -> None:
    loop, function = "for x in range(3):\n    assert f(x) == x", "def test_more():\n    assert f(2) == 3"
    text = f"assert f(1) == 1\n{loop}\n{function}\nassert f(0)"
    judged = judge("def f(x): return x", text)
    assert judged.plan == ["assert f(1) == 1", "assert f(x) == x", "assert f(0)", "test_more"]
    assert judged.passed == [True, True, False, False]


def test_a_text_without_assertions_is_one_test() -> None:
    assert judge("def f(): pass", "f()").passed == [True]
    assert judge("def f(): raise ValueError", "f()").passed == [False]


def test_a_test_that_forks_is_one_test() -> None:
    judged = judge("", "import os\nos.getpid = lambda: 1\nassert os.fork() >= 0")
    assert (judged.passed, [line for line in judged.lines if "end" in line]) == ([True], [{"end": ""}])


@pytest.mark.parametrize("skip", ["lambda: case.skipTest('x')", "case.skipTest", "lambda: pytest.skip('x')"])
def test_a_skip_that_the_code_calls_is_a_failure(skip: str) -> None:
    tests = f"""
import unittest, pytest
class C(unittest.TestCase):
    def test_it(case):
        skip = {skip}
        case.assertEqual(f(skip), 1)
    def test_skipped(case): case.skipTest("x")
"""
    judged = judge("def f(skip):\n    skip('x') if 'method' in str(type(skip)) else skip()\n    return 2", tests)
    assert judged.passed == [False], judged


def test_a_script_is_run_as_one() -> None:
    judged = judge("def f(): return 1", "def main():\n    assert f() == 2\nif __name__ == '__main__':\n    main()")
    assert judged.passed == [False]


def test_an_error_says_what_and_where() -> None:
    judged = judge(
        "def f(x):\n    return 1 / x",
        "assert f(1) == 1\nassert f(0) == 1\nassert f(1) == 5, 'not five'\nassert f(1) == 6",
    )
    assert judged.errors == [
        "ZeroDivisionError: division by zero (line 2 of the tests, line 2 of the code)",
        "AssertionError: not five (line 3 of the tests)",
        "AssertionError: assert f(1) == 6 (line 4 of the tests)",
    ]


@pytest.mark.parametrize(
    "code, tests, end",
    [
        ("def f(:", "assert f()", "the code cannot be loaded: SyntaxError"),
        ("import sys; sys.exit(0)", "assert f()", "the code cannot be loaded: SystemExit: 0"),
        ("raise ValueError('x')", "assert f()", "the code cannot be loaded: ValueError: x (line 1 of the code)"),
        ("x = 1", "assert (", "the tests are not Python: SyntaxError"),
        ("x = 1", "assert x\n1 / 0\nassert x", "the tests cannot be run: ZeroDivisionError"),
        ("x = 1", "import numpy_of_nobody.sub\nassert x", "the tests cannot be run: ModuleNotFoundError"),
        ("import os; os._exit(0)", "assert True", "the code's process cannot be worked with: it has ended"),
    ],
)
def test_what_cannot_be_run_says_why(code: str, tests: str, end: str) -> None:
    judged = judge(code, tests)
    assert judged.end is not None and judged.end.startswith(end), judged
    assert not all(judged.passed) or len(judged.passed) < len(judged.plan)


def test_a_test_cannot_derive_from_a_class_of_the_code_and_says_so() -> None:
    assert "derive a class" in str(judge("class A: pass", "class B(A): pass\nassert B()").end)


def test_tests_in_the_code_are_run_by_name() -> None:
    judged = judge(
        "def f(): return 1\ndef test_f(): assert f() == 1\ndef test_g(): assert f() == 2", "", own=("test_f", "test_g")
    )
    assert (judged.plan, judged.passed) == (["test_f", "test_g"], [True, False])


@pytest.mark.parametrize("case", LIES, ids=lambda case: f"{case.parent.name}-{case.stem}")
def test_lies_of_the_code_pass_no_test(case: Path) -> None:
    judged = judge_case(case)
    assert judged.passed or judged.end
    assert not any(judged.passed), judged


GARBAGE = [
    b"",
    b"\x00",
    b"\xff\xff\xff\xff",
    b"{}",
    b"[]",
    b"not JSON",
    b'{"r": "v"}',
    b'{"q": 3}',
    b"[" * 100_000,
]
WHOLE = {"new": {}, "classes": {}, "up": {}, "drop": [], "gone": [], "out": [], "r": "v"}
WRONG_VALUES: list[object] = [
    {},
    ["?"],
    [],
    ["@", "j999"],
    ["@", 3],
    ["o", 999],
    ["o", None],
    ["c", 5],
    ["r", 5, 5],
    ["n", "os", "system"],
    ["n", "builtins", "eval"],
    ["n", "builtins", "getattr"],
    ["n", "inside.judge", "Judge"],
    ["v", "subprocess", "Popen", "x"],
    ["e", "builtins", "len", None, ""],
    ["e", "unittest.case", "SkipTest", ["@", "x"], ""],
    ["i", "zz"],
    ["d"],
    ["t", ["t", ["t", ["?"]]]],
]


@pytest.mark.parametrize("number", range(len(GARBAGE) + len(WRONG_VALUES)))
def test_garbage_on_the_wire_ends_it_and_passes_no_test(number: int) -> None:
    if number < len(GARBAGE):
        sent = f"data = {GARBAGE[number]!r}"
    else:
        sent = f"import json\ndata = json.dumps({WHOLE | {'a': WRONG_VALUES[number - len(GARBAGE)]}!r}).encode()"
    header = "" if number in (1, 2) else "struct.pack('>I', len(data)) + "
    code = (
        f"import os, struct\n{sent}\ndef f():\n    for fd in range(3, 20):\n"
        f"        try: os.write(fd, {header}data)\n        except OSError: pass\n    os._exit(0)"
    )
    judged = judge(code, "try:\n    f()\nexcept Exception:\n    pass\nassert True")
    assert judged.plan and not any(judged.passed), judged

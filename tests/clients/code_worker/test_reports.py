"""What the judge of tests says is read, whatever it is: the caller's tests run in its process."""

import pytest
from code_worker.testing.outcomes import Verdict
from code_worker.testing.runner import _JudgeReport

PASSED = b'{"test": "a", "passed": true, "ms": 5}'
END = b'{"end": ""}'


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"null",
        b'"plan"',
        b"[" * 100_000,
        b'{"plan": 1}',
        b'{"test": "b", "ms": "x"}',
        b'{"test": "b", "ms": []}',
        b'{"test": "b", "ms": ' + b"9" * 400 + b"}",
        b"{",
        b"\xff",
    ],
)
def test_a_line_of_another_form_says_nothing(line: bytes) -> None:
    report = _JudgeReport()
    for each in (PASSED, line, END):
        report.line(each)
    assert report.tests("caller", "") == [Verdict("a", "caller", True)]
    assert report.milliseconds == 5


@pytest.mark.parametrize("milliseconds", [b"1e999", b"NaN", b"-7", b"1e300"])
def test_a_time_that_is_none_counts_nothing(milliseconds: bytes) -> None:
    report = _JudgeReport()
    for each in (PASSED, b'{"test": "b", "passed": true, "ms": ' + milliseconds + b"}", END):
        report.line(each)
    assert [test.name for test in report.tests("caller", "")] == ["a", "b"]
    assert report.milliseconds == 5

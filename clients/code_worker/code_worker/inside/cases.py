"""Runs the test methods of `unittest.TestCase` classes."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from typing import Any

from .small_pytest import Failed, Skipped


def collect(cls: type[unittest.TestCase]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The class's tests, as functions without parameters."""
    for name in unittest.defaultTestLoader.getTestCaseNames(cls):
        yield name, lambda name=name: _run(cls(name))  # type: ignore[misc]


def _run(case: unittest.TestCase) -> None:
    result = _Result()
    unittest.TestSuite([case]).run(result)
    for error in result.raised:
        raise error
    if result.skipped:
        raise Skipped
    if result.testsRun != 1 or result.unexpectedSuccesses:
        raise Failed("The test did not run")


class _Result(unittest.TestResult):
    """Keeps the exceptions themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.raised: list[BaseException] = []

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        self.raised.append(err[1])

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        self.raised.append(err[1])

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        if err is not None:
            self.raised.append(err[1])

"""The sandbox of this machine. Tests are skipped with a reason if it does not work."""

import asyncio
import textwrap
from collections.abc import Callable

import pytest
from code_worker.settings import Limits, Settings, from_environment
from code_worker.testing.outcomes import Outcome
from code_worker.testing.runner import Runner

MODELS = '[{"protocol": "openai", "url": "http://127.0.0.1:1", "models": [{"id": "m"}]}]'
LIMITS = {"TEST_SECONDS": "2", "TEST_MEMORY_MB": "160"}

Test = Callable[..., Outcome]


def settings(**more: str) -> Settings:
    return from_environment({"MODELS": MODELS, **LIMITS, **more})


@pytest.fixture(scope="session")
def runner() -> Runner:
    prepared = asyncio.run(Runner.prepare(settings()))
    if prepared.unavailable:
        pytest.skip(f"no sandbox: {prepared.unavailable}")
    return prepared


@pytest.fixture
def limits() -> Limits:
    return settings().limits


@pytest.fixture
def run_tests(runner: Runner) -> Test:
    """Runs the caller's tests of some code, or the code itself if there are none."""

    def run(code: str, *tests: str, language: str = "python", model: tuple[str, ...] = ()) -> Outcome:
        texts = [[textwrap.dedent(text) for text in each] for each in (tests, model)]
        return asyncio.run(runner.test(language, textwrap.dedent(code), *texts, 60))

    return run

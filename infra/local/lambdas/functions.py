"""The functions of bundles without HTTP, loaded from app.py, and the sources that start the engine's functions."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from chalice.app import Rate, ScheduledEventConfig, ScheduleExpression

from chalicelib.config import settings
from infra.bundles import BUNDLES
from infra.functions import Bundle, Function, Queue, Schedule, Socket, Stream
from infra.local.lambdas.events import Context
from infra.local.lambdas.schedules import ScheduleSource
from infra.local.lambdas.sources import Invoke, QueueSource, Source, StreamSource

APP = Path(__file__).parents[3] / "app.py"
STREAM_BATCH = 100
SLOW_TABLES, PACE_SECONDS = frozenset({"workers_table"}), 0.1
"""Tables whose streams need not be read at once, and the seconds between two reads. A worker's item is written for each
task that it takes or ends, which mostly has no effects. Lambda reads a stream once a second."""
MAX_THREADS = 16
"""The most threads for one function. On two cores, more would only wait for each other."""
WAITING_FUNCTIONS, MAX_WAITING_THREADS = frozenset({"webhooks", "notifications", "models"}), 50
"""Functions that mostly wait for other hosts, and the most threads for each."""


class Seconds(Rate):
    """A rate in seconds, which EventBridge does not have."""

    def __init__(self, seconds: float) -> None:
        super().__init__(1, Rate.MINUTES)
        self.value = seconds / 60  # type: ignore[assignment]


def load(bundle: Bundle) -> ModuleType:
    """Load app.py as the bundle has it, as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"yardmaster_{bundle.name}", APP)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch.dict(os.environ, BUNDLE=bundle.name):
        spec.loader.exec_module(module)
    return module


def sources(sweep_seconds: float) -> list[Source]:
    """A source for each function that a queue, a stream or a schedule starts. The sweep runs every `sweep_seconds`."""
    return [source for bundle in BUNDLES for source in _sources(bundle, sweep_seconds)]


def _sources(bundle: Bundle, sweep_seconds: float) -> list[Source]:
    functions = [function for function in bundle.functions if isinstance(function.trigger, Queue | Stream | Schedule)]
    if not functions:
        return []
    module = load(bundle)
    schedules = _schedules(module) | {"wake": Seconds(sweep_seconds)}
    return [_source(function, _invoke(module, function), schedules) for function in functions]


def _schedules(module: ModuleType) -> dict[str, ScheduleExpression]:
    configs = [config for config in module.app.event_sources if isinstance(config, ScheduledEventConfig)]
    schedules = {config.name: config.schedule_expression for config in configs}
    return {name: schedule for name, schedule in schedules.items() if isinstance(schedule, ScheduleExpression)}


def _invoke(module: ModuleType, function: Function) -> Invoke:
    handler = getattr(module, function.name)

    def invoke(event: Mapping[str, Any]) -> Any:
        return handler(event, Context(function.name, function.timeout))

    return invoke


def _threads(function: Function) -> int:
    return MAX_WAITING_THREADS if function.name in WAITING_FUNCTIONS else MAX_THREADS


def _source(function: Function, invoke: Invoke, schedules: Mapping[str, ScheduleExpression]) -> Source:
    match function.trigger:
        case Stream(table):
            pace = PACE_SECONDS if table in SLOW_TABLES else 0.0
            return StreamSource(getattr(settings(), table), STREAM_BATCH, invoke, pace)
        case Queue(queue, batch, concurrency):
            return QueueSource(getattr(settings(), queue), batch, min(concurrency, _threads(function)), invoke)
        case Schedule(retried):
            return ScheduleSource(function.name, schedules[function.name], retried, invoke)
        case Socket() | None:
            raise ValueError(f"Nothing starts {function.name}")

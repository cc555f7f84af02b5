"""The functions of bundles without HTTP, as app.py has them; the engine's each with what starts it."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from chalice.app import Rate, ScheduledEventConfig, ScheduleExpression

from chalicelib.config import settings
from infra.engine import ENGINE
from infra.functions import Bundle, Function, Queue, Schedule, Socket, Stream
from infra.local.lambdas.events import Context
from infra.local.lambdas.schedules import ScheduleSource
from infra.local.lambdas.sources import Invoke, QueueSource, Source, StreamSource

APP = Path(__file__).parents[3] / "app.py"
STREAM_BATCH = 100
UNHURRIED, PACE_SECONDS = frozenset({"workers_table"}), 0.1
"""Tables whose streams nobody waits for, and how long each look comes after the one before. A worker is written to for
each task that it takes or gives back, which by itself has no consequences; Lambda looks once a second."""
MOST_THREADS = 16
"""For one function: more would only wait for one another on two cores."""
OUTWARD, MOST_OUTWARD = frozenset({"webhooks", "notifications"}), 50
"""Functions that mostly wait for somebody outside, and how many threads each has."""


class Seconds(Rate):
    """A period finer than EventBridge's."""

    def __init__(self, seconds: float) -> None:
        super().__init__(1, Rate.MINUTES)
        self.value = seconds / 60  # type: ignore[assignment]


def load(bundle: Bundle) -> ModuleType:
    """app.py as the bundle has it, apart from what other code of this process may have imported of it."""
    spec = importlib.util.spec_from_file_location(f"yardmaster_{bundle.name}", APP)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch.dict(os.environ, BUNDLE=bundle.name):
        spec.loader.exec_module(module)
    return module


def sources(sweep_seconds: float) -> list[Source]:
    """One for each function of the engine; the sweep comes every `sweep_seconds`."""
    module = load(ENGINE)
    turns = _turns(module) | {"wake": Seconds(sweep_seconds)}
    return [_source(function, _invoke(module, function), turns) for function in ENGINE.functions]


def _turns(module: ModuleType) -> dict[str, ScheduleExpression]:
    found = [config for config in module.app.event_sources if isinstance(config, ScheduledEventConfig)]
    turns = {config.name: config.schedule_expression for config in found}
    return {name: turn for name, turn in turns.items() if isinstance(turn, ScheduleExpression)}


def _invoke(module: ModuleType, function: Function) -> Invoke:
    handler = getattr(module, function.name)

    def invoke(event: Mapping[str, Any]) -> Any:
        return handler(event, Context(function.name, function.timeout))

    return invoke


def _threads(function: Function) -> int:
    return MOST_OUTWARD if function.name in OUTWARD else MOST_THREADS


def _source(function: Function, invoke: Invoke, turns: Mapping[str, ScheduleExpression]) -> Source:
    match function.trigger:
        case Stream(table):
            pace = PACE_SECONDS if table in UNHURRIED else 0.0
            return StreamSource(getattr(settings(), table), STREAM_BATCH, invoke, pace)
        case Queue(queue, batch, concurrency):
            return QueueSource(getattr(settings(), queue), batch, min(concurrency, _threads(function)), invoke)
        case Schedule(retried):
            return ScheduleSource(function.name, turns[function.name], retried, invoke)
        case Socket() | None:
            raise ValueError(f"Nothing starts {function.name}")

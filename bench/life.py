"""A task's whole life, ten tasks at a time: submit, relay, dispatch, deliver, a server's acceptance, complete, relay.
Its AWS calls, and its speed beside a script that makes the very same calls with a bare botocore client, on the same
moto. Receiving messages and reading streams is Lambda's work, and is in neither time."""

import time
from contextlib import suppress
from typing import Any

import boto3
from botocore.exceptions import ClientError

from bench.measure import Figure, Section, alternately, at_least, at_most, table
from bench.meter import Call
from bench.world import BATCH, Deployment, complete_tasks, deployment, world

BATCHES = 5
TASKS = BATCH * BATCHES
ROUNDS = 5


def measure() -> Section:
    recorded: list[tuple[str, Call]] = []
    with world(recorded) as made:
        before = len(recorded)
        _lives(made)
    calls = recorded[before:]
    ours, bare, ratio = alternately(ROUNDS, _ours, lambda: _bare(recorded, before))
    figures = [
        at_most("AWS calls for each task", len(calls) / TASKS, 12),
        Figure("tasks a second, ours", f"{TASKS / ours:.0f}"),
        Figure("tasks a second, bare botocore", f"{TASKS / bare:.0f}"),
        at_least(f"ours over bare, median of {ROUNDS} rounds", 1 / ratio, 0.7, "x"),
    ]
    return Section("A whole life", __doc__, figures, [_table(calls)])


def _lives(made: Deployment) -> None:
    for _ in range(BATCHES):
        complete_tasks(made, BATCH)


def _ours() -> float:
    with world() as made:
        warm = made.seconds
        _lives(made)
        return made.seconds - warm


def _bare(recorded: list[tuple[str, Call]], before: int) -> float:
    """Seconds that the recorded calls take when nothing is around them; those `before` make the server and the like."""
    with deployment():
        clients = {service: boto3.client(service) for service in ("dynamodb", "sqs")}
        _repeat(clients, recorded[:before])
        start = time.perf_counter()
        _repeat(clients, recorded[before:])
        return time.perf_counter() - start


def _repeat(clients: dict[str, Any], recorded: list[tuple[str, Call]]) -> None:
    for _, call in recorded:
        with suppress(*[ClientError] * call.refused):
            clients[call.service]._make_api_call(call.operation, call.asked)


def _table(calls: list[tuple[str, Call]]) -> str:
    found: dict[tuple[str, str], list[Call]] = {}
    for function, call in calls:
        found.setdefault((function, call.operation), []).append(call)
    rows = [[*names, *_averages(same)] for names, same in found.items()]
    total = ["all", "", *_averages([call for _, call in calls])]
    return table(["function", "operation", "calls for each task", "write units", "read units"], [*rows, total])


def _averages(calls: list[Call]) -> list[str]:
    sums = len(calls), sum(call.writes for call in calls), sum(call.reads for call in calls)
    return [f"{figure / TASKS:.2f}" for figure in sums]

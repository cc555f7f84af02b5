"""A task's whole life, ten tasks at a time: submit, relay, dispatch, deliver, a server's acceptance, complete, relay.
The section has its AWS calls, and its speed compared with a script that makes the same calls with a bare botocore
client on the same moto. Lambda receives messages and reads streams, which neither time includes."""

import time
from contextlib import suppress
from typing import Any

import boto3
from botocore.exceptions import ClientError

from bench.measure import Figure, Section, at_least, at_most, measure_in_turn, table
from bench.meter import Call
from bench.world import BATCH, Deployment, complete_tasks, deployment, world

BATCHES = 5
TASKS = BATCH * BATCHES
ROUNDS = 5


def measure() -> Section:
    recorded: list[tuple[str, Call]] = []
    with world(recorded) as deployment:
        setup_calls = len(recorded)
        _lives(deployment)
    calls = recorded[setup_calls:]
    ours, bare, ratio = measure_in_turn(ROUNDS, _ours, lambda: _bare(recorded, setup_calls))
    figures = [
        at_most("AWS calls for each task", len(calls) / TASKS, 12),
        Figure("tasks a second, ours", f"{TASKS / ours:.0f}"),
        Figure("tasks a second, bare botocore", f"{TASKS / bare:.0f}"),
        at_least(f"ours over bare, median of {ROUNDS} rounds", 1 / ratio, 0.7, "x"),
    ]
    return Section("A whole life", __doc__, figures, [_table(calls)])


def _lives(deployment: Deployment) -> None:
    for _ in range(BATCHES):
        complete_tasks(deployment, BATCH)


def _ours() -> float:
    with world() as deployment:
        setup_seconds = deployment.seconds
        _lives(deployment)
        return deployment.seconds - setup_seconds


def _bare(recorded: list[tuple[str, Call]], setup_calls: int) -> float:
    """Seconds that the recorded calls take without Yardmaster's code. The first `setup_calls`, such as the server's
    registration, are not timed."""
    with deployment():
        clients = {service: boto3.client(service) for service in ("dynamodb", "sqs")}
        _repeat(clients, recorded[:setup_calls])
        start = time.perf_counter()
        _repeat(clients, recorded[setup_calls:])
        return time.perf_counter() - start


def _repeat(clients: dict[str, Any], recorded: list[tuple[str, Call]]) -> None:
    for _, call in recorded:
        with suppress(*[ClientError] * call.refused):
            clients[call.service]._make_api_call(call.operation, call.parameters)


def _table(calls: list[tuple[str, Call]]) -> str:
    calls_by_operation: dict[tuple[str, str], list[Call]] = {}
    for function, call in calls:
        calls_by_operation.setdefault((function, call.operation), []).append(call)
    rows = [[*names, *_averages(operation_calls)] for names, operation_calls in calls_by_operation.items()]
    total = ["all", "", *_averages([call for _, call in calls])]
    return table(["function", "operation", "calls for each task", "write units", "read units"], [*rows, total])


def _averages(calls: list[Call]) -> list[str]:
    sums = len(calls), sum(call.writes for call in calls), sum(call.reads for call in calls)
    return [f"{figure / TASKS:.2f}" for figure in sums]

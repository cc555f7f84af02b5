"""Dollars for a million whole task lives (bench/life.py), from counted calls, units and invocations at the public
on-demand prices of us-east-1, without a free tier. Tasks are submitted ten at a time under load, and one at a time on a
quiet day. The requests are submit and complete; each `GET` adds a request, two calls, one write unit and one read unit.

Assumed, not measured: 6 ms for a call from Lambda to DynamoDB or SQS, 100 ms until a worker accepts, a log of 1 KB for
each invocation, and X-Ray's default sampling of 5 %. Not counted: storage, which is 1 KB a task for 30 days, and idle
polling (docs/how-to/deploy.md). DynamoDB's streams are free for Lambda."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bench.measure import Figure, Section, table
from bench.meter import Call
from bench.world import BATCH, Deployment, complete_tasks, world
from infra.bundles import BUNDLES

TASKS = 5 * BATCH
GATEWAY, INVOCATION, GB_SECOND = 3.50, 0.20, 16.6667
WRITE, READ = 0.625, 0.125
STANDARD, FIFO = 0.40, 0.50
LOG_GB, TRACE = 0.50, 5.00
"""Dollars for a million of each; for logs, dollars for one GB."""
TRANSITION = 25.0
"""Dollars for a million state transitions of Step Functions Standard."""
TRANSITIONS = 5
NETWORK_MS, ANSWER_MS = 6, 100
CPU_MS = 0.7
"""CPU time on a whole vCPU for each AWS call and the code around it: half of bench/cpu.py's figure for a request of two
calls."""
VCPU_MB = 1769
SAMPLED, LOG_KB = 0.05, 1


@dataclass(frozen=True, slots=True)
class Life:
    """The calls and invocations of TASKS tasks, from submission to completion."""

    calls: Mapping[str, list[Call]]
    """The AWS calls of each function."""
    runs: Counter[str]

    def bill(self) -> dict[str, tuple[float, float]]:
        """Name of a quantity -> (the quantity for each task, dollars for a million of it)."""
        calls = [call for function_calls in self.calls.values() for call in function_calls]
        quantities = {
            "API Gateway requests": (self.runs["api_handler"], GATEWAY),
            "Lambda invocations": (self.runs.total(), INVOCATION),
            "Lambda GB-seconds": (sum(map(self._gb_seconds, self.runs)), GB_SECOND),
            "DynamoDB write units": (sum(call.writes for call in calls), WRITE),
            "DynamoDB read units": (sum(call.reads for call in calls), READ),
            "SQS standard requests": (self._messages(calls, "deliver", fifo=False), STANDARD),
            "SQS FIFO requests": (self._messages(calls, "dispatch", "live", fifo=True), FIFO),
            "logs, KB": (self.runs.total() * LOG_KB, LOG_GB),
            "traces": (self.runs.total() * SAMPLED, TRACE),
        }
        return {what: (count / TASKS, price) for what, (count, price) in quantities.items()}

    def _messages(self, calls: list[Call], *consumers: str, fifo: bool) -> int:
        """SQS requests: each batch that was sent, and for each invocation of a consumer one receive and one delete."""
        sent = sum(call.service == "sqs" and call.parameters["QueueUrl"].endswith(".fifo") is fifo for call in calls)
        return sent + 2 * sum(self.runs[consumer] for consumer in consumers)

    def _gb_seconds(self, function: str) -> float:
        memory = MEMORY[function]
        busy = len(self.calls.get(function, ())) * (NETWORK_MS + CPU_MS * VCPU_MB / memory)
        waited = self.runs[function] * ANSWER_MS if function == "deliver" else 0
        return (busy + waited) / 1000 * memory / 1024


MEMORY = {function.name: function.memory for bundle in BUNDLES for function in bundle.functions}


def measure() -> Section:
    loaded, quiet = _life(BATCH), _life(1)
    totals = [sum(count * price for count, price in life.values()) for life in (loaded, quiet)]
    rows = [
        [what, f"{count:.2f}", f"{quiet[what][0]:.2f}", f"{price:g}", f"{count * price:.2f}"]
        for what, (count, price) in loaded.items()
    ]
    head = ["for each task", "ten at a time", "one at a time", "$ a million", "$ for a million tasks, ten at a time"]
    figures = [
        Figure("Yardmaster, ten at a time", f"${totals[0]:.2f}"),
        Figure("Yardmaster, one at a time", f"${totals[1]:.2f}"),
        Figure(
            f"Step Functions Standard, {TRANSITIONS} transitions and nothing else", f"${TRANSITIONS * TRANSITION:.2f}"
        ),
    ]
    return Section("Dollars for a million tasks", __doc__, figures, [table(head, rows)])


def _life(together: int) -> dict[str, tuple[float, float]]:
    calls: list[tuple[str, Call]] = []
    with world(calls) as deployment:
        calls.clear()
        deployment.runs.clear()
        _run_tasks(deployment, together)
    functions = {function for function, _ in calls}
    return Life(
        {name: [call for function, call in calls if function == name] for name in functions}, deployment.runs
    ).bill()


def _run_tasks(deployment: Deployment, together: int) -> None:
    for _ in range(TASKS // together):
        complete_tasks(deployment, together)

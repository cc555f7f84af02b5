"""Dollars for a million whole lives (bench/life.py), from counted calls, units and invocations at the public on-demand
prices of us-east-1, before any free tier. Tasks come ten at a time under load, one at a time on a quiet day. The
requests are submit and complete; each further `GET` is a request, two calls, one write unit and one read unit more.

Assumed, not measured: 6 ms for a call from Lambda to DynamoDB or SQS, 100 ms until a worker accepts, a log of 1 KB for
each invocation, and X-Ray's own sampling of 5 %. Left out: storage, which is 1 KB a task for 30 days, and idle polling
(docs/how-to/deploy.md). DynamoDB's streams are free for Lambda."""

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
"""Dollars for a million of each; of logs, for one GB."""
TRANSITION = 25.0
"""Dollars for a million state transitions of Step Functions Standard."""
TRANSITIONS = 5
NETWORK_MS, ANSWER_MS = 6, 100
CPU_MS = 0.7
"""Of a whole vCPU, for each call and what is around it: half of what bench/cpu.py finds for a request of two calls."""
VCPU_MB = 1769
SAMPLED, LOG_KB = 0.05, 1


@dataclass(frozen=True, slots=True)
class Life:
    """What one task's life takes, on average."""

    calls: Mapping[str, list[Call]]
    """By function; of all the tasks."""
    runs: Counter[str]

    def bill(self) -> dict[str, tuple[float, float]]:
        """What -> how many for each task, and dollars for a million of them."""
        calls = [call for found in self.calls.values() for call in found]
        every = {
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
        return {what: (count / TASKS, price) for what, (count, price) in every.items()}

    def _messages(self, calls: list[Call], *consumers: str, fifo: bool) -> int:
        """Batches sent, and for each invocation of the consumer a batch received and a batch deleted."""
        sent = sum(call.service == "sqs" and call.asked["QueueUrl"].endswith(".fifo") is fifo for call in calls)
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
    with world(calls) as made:
        calls.clear()
        made.runs.clear()
        _live(made, together)
    functions = {function for function, _ in calls}
    return Life({name: [call for function, call in calls if function == name] for name in functions}, made.runs).bill()


def _live(made: Deployment, together: int) -> None:
    for _ in range(TASKS // together):
        complete_tasks(made, together)

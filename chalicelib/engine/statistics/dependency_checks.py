"""Health checks of the services that Yardmaster depends on: whether they answer now, and how long that takes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.errors import Unavailable
from chalicelib.storage.access import table as access
from chalicelib.storage.aws import dynamodb, sqs


class CheckResult(NamedTuple):
    """The result of one check; `milliseconds` until the answer, or until the check gave up."""

    healthy: bool
    milliseconds: float


def connection_count() -> int:
    """The number of connections to DynamoDB that this process has opened."""
    return dynamodb.count_connections()


def check_dependencies() -> dict[str, CheckResult]:
    """Check DynamoDB and SQS in parallel, with one call each."""
    with ThreadPoolExecutor(len(_PROBES)) as threads:
        return dict(zip(_PROBES, threads.map(_run_probe, _PROBES.values()), strict=True))


def _run_probe(probe: Callable[[], object]) -> CheckResult:
    started = clock.stopwatch()
    try:
        probe()
    except Unavailable:
        return CheckResult(False, _elapsed_ms(started))
    return CheckResult(True, _elapsed_ms(started))


def _elapsed_ms(started: float) -> float:
    return round((clock.stopwatch() - started) * clock.SECOND, 1)


_PROBES: dict[str, Callable[[], object]] = {
    "database": lambda: access.find_directory_entry("nobody"),
    "queue": lambda: sqs.depth(settings().dispatch_queue),
}

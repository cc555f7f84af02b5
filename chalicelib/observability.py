"""Logs, metrics and traces: one JSON line per fact, EMF metrics and X-Ray, through aws-lambda-powertools.

Lines carry ids (request, task, org, worker), never payloads, results, tokens or keys.
"""

from functools import cache

from aws_lambda_powertools import Logger, Metrics, Tracer

SERVICE = "yardmaster"


@cache
def logger() -> Logger:
    """The house's structured logger; level from `LOG_LEVEL`, INFO by default."""
    return Logger(service=SERVICE, utc=True)


@cache
def metrics() -> Metrics:
    """The house's EMF metrics, flushed once per invocation by whoever handles the event."""
    return Metrics(namespace="Yardmaster", service=SERVICE)


@cache
def tracer() -> Tracer:
    """The house's tracer; silent outside Lambda."""
    return Tracer(service=SERVICE, auto_patch=False)

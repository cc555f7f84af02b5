"""Yardmaster without its HTTP servers: storage, settings, and the pump that runs the functions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from chalicelib import config
from infra.local.lambdas import functions
from infra.local.lambdas.pump import Pump
from infra.local.moto.cloud import cloud
from infra.local.seed import EXAMPLE_KEYS

SWEEP_SECONDS = 60.0


@contextmanager
def stack(api_urls: Mapping[str, str], sweep_seconds: float = SWEEP_SECONDS, objects_url: str = "") -> Iterator[Pump]:
    """A new deployment in this process. Its pump does nothing until it is started or drained.

    `api_urls` has the base URL of each API, by name. `objects_url` is the base URL of links to stored files.
    """
    with cloud() as names:
        urls = {"api_urls": dict(api_urls), "objects_url": objects_url}
        changes = {**names, **urls, "allow_loopback": True, "example_keys": EXAMPLE_KEYS, "token_accounts": True}
        before = config.replace(**changes)
        try:
            yield Pump(functions.sources(sweep_seconds))
        finally:
            config.replace(**{name: getattr(before, name) for name in changes})

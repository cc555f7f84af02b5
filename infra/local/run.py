"""The APIs served, the pump running: what `make run` does."""

import importlib
import logging
import socket
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from chalicelib import config
from chalicelib.config import settings
from chalicelib.edge import Api, routes_of
from chalicelib.engine.tasks import completion_wait
from chalicelib.observability import logger
from infra.bundles import BUNDLES
from infra.local import fake_telegram, port_of, seconds_of
from infra.local.fake_telegram import Phone
from infra.local.gateway import live_bundle
from infra.local.gateway.http import Gateway
from infra.local.gateway.server import HOST, PortTaken, listen, serve
from infra.local.gateway.stored_files import Objects
from infra.local.gateway.websockets import Hub
from infra.local.moto import call_turns
from infra.local.seed import ADMIN, EXAMPLE_KEYS, PASSWORD, seed
from infra.local.stack import SWEEP_SECONDS, stack

THREADS = 64
"""For the requests of each API, which are a function of their own in AWS; beside those that wait for a task's end."""


def run() -> None:
    """Serve until SIGINT or SIGTERM. Raises PortTaken."""
    _log_to_stderr()
    sys.setswitchinterval(call_turns.SWITCH_SECONDS)
    served = [(_listen(api), api) for api in _apis()]
    urls, files, printed = {api.name: _url(found) for found, api in served}, listen(0), listen(0)
    sweep_seconds = seconds_of("SWEEP_SECONDS", SWEEP_SECONDS)
    with stack(urls, sweep_seconds, _url(files)) as pump, live_bundle.hub() as hub:
        seed()
        completion_wait.allow_waits()
        if not settings().messengers:
            config.replace(messengers=fake_telegram.accounts(_url(printed)))
        pump.start()
        pools = [_pool(api.name) for _, api in served]
        apis = [
            (found, Gateway(api, pool, hub, live_bundle.paths(api.name)))
            for (found, api), pool in zip(served, pools, strict=True)
        ]
        beside = [(files, Objects(pools[0])), (printed, Phone())]
        serve([*apis, *beside], ready=lambda: _announce(urls, served), ending=lambda: _end(hub))
        pump.stop()
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _pool(name: str) -> ThreadPoolExecutor:
    count, prefix = THREADS + completion_wait.MAX_WAITS_PER_PROCESS, f"{name} request"
    return ThreadPoolExecutor(count, thread_name_prefix=prefix, initializer=call_turns.serve_requests)


async def _end(hub: Hub) -> None:
    """Have everybody answered who waits, while connections are still open."""
    completion_wait.stop_waits()
    await hub.end()


def _apis() -> list[Api]:
    return [importlib.import_module(f"chalicelib.apis.{bundle.name}").api for bundle in BUNDLES if bundle.http]


def _listen(api: Api) -> socket.socket:
    variable = f"PORT_{api.name.upper()}"
    try:
        return listen(port_of(variable, api.port))
    except PortTaken as taken:
        raise PortTaken(f"{taken}; end what listens there, or name another port with {variable}.") from None


def _url(found: socket.socket) -> str:
    return f"http://{HOST}:{found.getsockname()[1]}"


def _announce(urls: Mapping[str, str], served: Iterable[tuple[socket.socket, Api]]) -> None:
    for _, api in served:
        print(f"{api.name:<12} {urls[api.name]}   docs {urls[api.name]}{_docs(api)}")
    print(f"{'sign in':<12} {ADMIN.email} with {PASSWORD}, API key {next(iter(EXAMPLE_KEYS))}: projects")
    print(f"{'token':<12} make token ROLE=admin (of the org local, as callers without a token are)")
    print("ready", flush=True)


def _docs(api: Api) -> str:
    return next(endpoint.path for endpoint in routes_of(api) if endpoint.name == "get_docs")


def _log_to_stderr() -> None:
    """Only what the user asked for belongs on stdout."""
    for handler in logger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stderr)

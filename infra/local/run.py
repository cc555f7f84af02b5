"""Run the local stack, as `make run` does: serve the APIs and run the functions."""

import asyncio
import importlib
import logging
import socket
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from chalicelib import config
from chalicelib.config import settings
from chalicelib.domain.models.catalogue import InvalidCatalogue
from chalicelib.edge import Api, routes_of
from chalicelib.engine.models import catalogue
from chalicelib.engine.tasks import completion_wait
from chalicelib.observability import logger
from chalicelib.providers import extras
from infra.bundles import BUNDLES
from infra.local import CannotRun, code_worker, fake_telegram, port_of, seconds_of, switch_of
from infra.local.bundled_model import EXTRA, BundledModel
from infra.local.code_worker import CodeWorker, CodeWorkers
from infra.local.extras import Installer
from infra.local.fake_telegram import FakeTelegram
from infra.local.gateway import live_bundle
from infra.local.gateway.http import Gateway
from infra.local.gateway.server import HOST, PortTaken, listen, serve
from infra.local.gateway.stored_files import StoredFiles
from infra.local.gateway.websockets import Hub
from infra.local.moto import call_turns
from infra.local.seed import ADMIN, EXAMPLE_KEYS, PASSWORD, seed
from infra.local.stack import SWEEP_SECONDS, stack

THREADS = 64
"""Threads for the requests of each API, beside those that wait for a task's end."""


def run() -> None:
    """Serve until SIGINT or SIGTERM. Raises PortTaken."""
    _log_to_stderr()
    installer = Installer()
    extras.use(installer)
    sys.setswitchinterval(call_turns.SWITCH_SECONDS)
    _check_models()
    code_worker_orgs = code_worker.orgs()
    listeners = [(_listen(api), api) for api in _apis()]
    urls, files, telegram = {api.name: _url(listener) for listener, api in listeners}, listen(0), listen(0)
    bundled, bundled_model = listen(0), BundledModel()
    sweep_seconds = seconds_of("SWEEP_SECONDS", SWEEP_SECONDS)
    with stack(urls, sweep_seconds, _url(files)) as pump, live_bundle.hub() as hub:
        seed()
        completion_wait.allow_waits()
        if not settings().messengers:
            config.replace(messengers=fake_telegram.accounts(_url(telegram)))
        is_bundled = not settings().models and switch_of("MODEL")
        if is_bundled:
            config.replace(models=bundled_model.setting(_url(bundled)))
        extra = EXTRA if is_bundled else ""
        workers = CodeWorkers(
            [CodeWorker(urls["codeserver"], settings().models, extra, org=org) for org in code_worker_orgs]
        )
        pump.start()
        pools = [_pool(api.name) for _, api in listeners]
        gateways = [
            Gateway(api, pool, hub, live_bundle.paths(api.name), live_bundle.prefix(api.name))
            for (_, api), pool in zip(listeners, pools, strict=True)
        ]
        apis = [(listener, gateway) for (listener, _), gateway in zip(listeners, gateways, strict=True)]
        others = [(files, StoredFiles(pools[0])), (telegram, FakeTelegram()), (bundled, bundled_model)]
        ready = partial(_begin, urls, listeners, installer, workers)
        serve([*apis, *others], ready, before_stop=lambda: _end_waits(hub, gateways, workers))
        installer.stop()
        bundled_model.stop()
        pump.stop()
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _check_models() -> None:
    """Raise CannotRun unless MODELS is valid."""
    try:
        catalogue.check_setting()
    except InvalidCatalogue as error:
        raise CannotRun(f"MODELS is not valid: {error}.") from None


def _pool(name: str) -> ThreadPoolExecutor:
    count, prefix = THREADS + completion_wait.MAX_WAITS_PER_PROCESS, f"{name} request"
    return ThreadPoolExecutor(count, thread_name_prefix=prefix, initializer=call_turns.serve_requests)


async def _end_waits(hub: Hub, gateways: Iterable[Gateway], workers: CodeWorkers) -> None:
    """Stop the code workers, answer all waiting requests and end all streams, while the connections are open."""
    await asyncio.to_thread(workers.stop)
    completion_wait.stop_waits()
    for gateway in gateways:
        gateway.end_streams()
    await hub.end()


def _apis() -> list[Api]:
    return [importlib.import_module(f"chalicelib.apis.{bundle.name}").api for bundle in BUNDLES if bundle.http]


def _listen(api: Api) -> socket.socket:
    variable = f"PORT_{api.name.upper()}"
    try:
        return listen(port_of(variable, api.port))
    except PortTaken as taken:
        raise PortTaken(f"{taken}; end what listens there, or name another port with {variable}.") from None


def _url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _begin(
    urls: Mapping[str, str],
    listeners: Iterable[tuple[socket.socket, Api]],
    installer: Installer,
    workers: CodeWorkers,
) -> None:
    _announce(urls, listeners, workers)
    installer.start()
    workers.start()


def _announce(urls: Mapping[str, str], listeners: Iterable[tuple[socket.socket, Api]], workers: CodeWorkers) -> None:
    for _, api in listeners:
        print(f"{api.name:<12} {urls[api.name]}   docs {urls[api.name]}{_docs(api)}")
    print(f"{'sign in':<12} {ADMIN.email} with {PASSWORD}, API key {next(iter(EXAMPLE_KEYS))}: projects")
    print(f"{'token':<12} make token ROLE=admin (of the org local, as callers without a token are)")
    workers.announce()
    print("ready", flush=True)


def _docs(api: Api) -> str:
    return next(endpoint.path for endpoint in routes_of(api) if endpoint.name == "get_docs")


def _log_to_stderr() -> None:
    """Log to stderr, because stdout is for the stack's URLs."""
    for handler in logger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stderr)

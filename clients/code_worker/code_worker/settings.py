"""The worker's settings, from environment variables."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from code_worker.errors import Misconfigured
from code_worker.languages import canonical
from code_worker.models.asking import DEFAULT_FIRST_SECONDS
from code_worker.models.catalog import Catalog, parse

DEFAULT_URL = "http://localhost:8041"


@dataclass(frozen=True)
class Limits:
    """The limits on one run of tests. `total_seconds` limits all tests of a task together."""

    seconds: float = 10.0
    total_seconds: float = 60.0
    memory_mb: int = 512
    processes: int = 24
    disk_mb: int = 16
    output_bytes: int = 64 * 1024


@dataclass(frozen=True)
class Settings:
    """The worker's settings. Empty `languages` means all; an empty interpreter means the default one."""

    url: str
    token: str = field(repr=False)
    name: str
    languages: tuple[str, ...]
    max_concurrent: int
    grace_seconds: float
    models: Catalog
    first_seconds: float
    sandbox: bool
    python: str
    node: str
    limits: Limits


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from environment variables, which README.md lists. Raises Misconfigured."""
    if not environment.get("MODELS"):
        raise Misconfigured("MODELS is not set: a JSON list of the providers of language models; see README.md")
    return Settings(
        url=_url(environment),
        token=environment.get("YARDMASTER_TOKEN", ""),
        name=environment.get("WORKER_NAME") or f"code-worker on {socket.gethostname()}",
        languages=_languages(environment.get("LANGUAGES", "")),
        max_concurrent=int(_number(environment, "MAX_CONCURRENT", 2, 1, 100)),
        grace_seconds=_number(environment, "GRACE_SECONDS", 25, 0, 3600),
        models=parse(environment["MODELS"], environment),
        first_seconds=_number(environment, "MODEL_FIRST_SECONDS", DEFAULT_FIRST_SECONDS, 1, 3600),
        sandbox=_choice(environment, "SANDBOX", ("on", "off")) == "on",
        python=environment.get("SANDBOX_PYTHON", ""),
        node=environment.get("SANDBOX_NODE", ""),
        limits=Limits(
            seconds=_number(environment, "TEST_SECONDS", Limits.seconds, 0.1, 600),
            total_seconds=_number(environment, "ALL_TESTS_SECONDS", Limits.total_seconds, 1, 3600),
            memory_mb=int(_number(environment, "TEST_MEMORY_MB", Limits.memory_mb, 64, 65536)),
        ),
    )


def _url(environment: Mapping[str, str]) -> str:
    url = environment.get("YARDMASTER_URL") or DEFAULT_URL
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misconfigured("YARDMASTER_URL must begin with http:// or https:// and name a host")
    return url.rstrip("/")


def _languages(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(canonical(name) for name in text.split(",") if name.strip()))


def _choice(environment: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """The variable's value, or the first choice if it is not set. Raises Misconfigured."""
    value = environment.get(name) or choices[0]
    if value not in choices:
        raise Misconfigured(f"{name} must be one of {', '.join(choices)}")
    return value


def _number(environment: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = environment.get(name)
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise Misconfigured(f"{name} must be a number from {least:g} to {most:g}")
    return value

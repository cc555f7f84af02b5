"""Settings of this deployment, read from the environment on first use.

Secrets (token keys, sealing keys) come from one SSM SecureString parameter in AWS, and from documented development
values on the local stage, and only there.
"""

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from dataclasses import replace as changed
from typing import Any

LOCAL = "local"
DEVELOPMENT_KEY_ID = "development"
DEVELOPMENT_SECRET = "yardmaster-development-secret-for-the-local-stage-only"  # noqa: S105 - documented
DEVELOPMENT_SEAL = "eWFyZG1hc3Rlci1kZXZlbG9wbWVudC1zZWFsLWtleSE="


_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


class Misconfigured(RuntimeError):
    """The environment describes a deployment that must not start."""


RECOGNITION_ENGINES = {
    "ocr": ("embedded", "aws"),
    "offset": ("embedded",),
    "transcribe": ("embedded",),
    "detect": ("embedded", "aws"),
    "classify": ("embedded", "aws"),
}
"""Capability of recognition -> its engines."""


@dataclass(frozen=True, repr=False)
class Settings:
    """One deployment's configuration; durations are in the unit that their name says.

    Each setting is the environment variable of its name in capitals. A plain dataclass, because every cold start waits
    for it: a pydantic model takes ten times as long to build (docs/decisions/0006-cold-start.md).
    """

    stage: str = LOCAL
    region: str = "us-east-1"

    tasks_table: str = "yardmaster-tasks"
    workers_table: str = "yardmaster-workers"
    events_table: str = "yardmaster-events"
    stats_table: str = "yardmaster-stats"
    access_table: str = "yardmaster-access"
    connections_table: str = "yardmaster-connections"
    documents_table: str = "yardmaster-documents"
    listings_table: str = "yardmaster-listings"
    deliveries_table: str = "yardmaster-deliveries"
    conversations_table: str = "yardmaster-conversations"
    workspaces_table: str = "yardmaster-workspaces"
    chunks_table: str = "yardmaster-chunks"
    contents_table: str = "yardmaster-contents"
    payload_bucket: str = "yardmaster-payloads"
    objects_url: str = ""
    """Where links to stored files lead when that is not S3 itself: on the local stage, whose S3 nobody can reach."""
    dispatch_queue: str = "yardmaster-dispatch.fifo"
    deliver_queue: str = "yardmaster-deliver"
    perform_queue: str = "yardmaster-perform"
    recognize_queue: str = "yardmaster-recognize"
    models_queue: str = "yardmaster-models"
    live_queue: str = "yardmaster-live.fifo"
    wakeups_queue: str = "yardmaster-wakeups"
    sweeps_queue: str = "yardmaster-sweeps"
    announce_queue: str = "yardmaster-announce.fifo"
    webhooks_queue: str = "yardmaster-webhooks.fifo"
    notifications_queue: str = "yardmaster-notifications.fifo"
    parked_queue: str = "yardmaster-relay-dead"
    """Queue names; the dead-letter queues are infra's to name."""

    api_urls: dict[str, str] = field(default_factory=dict)
    """API name -> public base URL, used to tell workers where to report."""
    sockets_url: str = ""
    """Where WebSockets are opened when that is not at the API's own URL: API Gateway's, which has no paths."""
    sockets_endpoint: str = ""
    """Where messages to connected clients are sent: the management URL of the WebSocket API."""
    open_apis: frozenset[str] = frozenset()
    """APIs that admit anonymous callers of org `local`; refused outside the local stage."""
    cors_origins: frozenset[str] = frozenset()
    """Origins whose web pages may call the APIs, such as `https://app.example.com`; locally, this machine's may."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names, with their ports, by which the local stage may be called besides localhost; read there alone."""
    example_keys: dict[str, str] = field(default_factory=dict)
    """What documents' examples send in the place of an API key -> the key that is meant; refused outside the local
    stage."""
    token_accounts: bool = False
    """Whether a token without a session gets its subject an account of the projects API; refused outside the local
    stage."""
    secrets_parameter: str = ""
    """Name of the SSM SecureString that holds {"jwt": {kid: secret}, "seal": {kid: base64}}."""
    messengers: str = ""
    """JSON: org -> its accounts with messengers (docs/reference/messenger-api.md); an org that is not in it has its own
    in SSM, beneath the secrets parameter."""
    models: str = ""
    """JSON: the providers of language models, in the order of preference (docs/how-to/choose-a-model.md). Without it
    they come from SSM, beneath the secrets parameter; each org's own keys do in any case."""
    search: str = ""
    """JSON: the search that research uses (docs/reference/studio-api.md). Without it it comes from SSM, as MODELS."""
    images: str = ""
    """JSON: the service that makes images, likewise."""
    github_client_id: str = ""
    """The OAuth app with which people sign in with GitHub; without it they cannot."""
    github_client_secret: str = ""
    """The app's secret; refused outside the local stage, where SSM has it, beneath the secrets parameter."""
    jwt_issuer: str = "yardmaster"
    jwt_audience: str = "yardmaster"

    wake_shards: int = 4
    auto_assign: frozenset[str] = frozenset()
    """Pools whose tasks are placed by the engine though their submission does not say so."""
    listed_pools: frozenset[str] = frozenset({"coordinator", "studio-commands"})
    """Pools whose API lists tasks: only their tasks stand in the indexes that lists are read from, which cost half as
    much again as all else that is written of a task."""
    watched_pools: frozenset[str] = frozenset({"processing"})
    """Pools whose API lists tasks by their state alone: their tasks stand in one index for it, which costs a third more
    write units than all else that is written of a task. Without it the list is refused."""
    managed_pools: frozenset[str] = frozenset({"projects", "studio"})
    """Pools whose tasks people manage: kept until somebody deletes them, found by what they say, and announced to
    webhooks, notifications and the live feed. Everything that follows from that is written for them alone."""
    logged_pools: frozenset[str] = frozenset({"codeserver"})
    """Pools whose API shows the log of their tasks: their events are found by task, and counted by level and label for
    each hour, which is two more writes for an event."""
    searched_pools: frozenset[str] = frozenset({"codeserver", "studio-workflows"})
    """Pools whose API lists tasks by label and state, with totals: their tasks are in the search index, as those of
    managed pools are, and are kept as long as other tasks."""
    queue_limits: dict[str, int] = field(default_factory=lambda: {"support": 10_000})
    """API name -> how many of its tasks may wait in one org before more are refused, where its document has that."""
    survey_platforms: dict[str, str] = field(
        default_factory=lambda: {
            "swagbucks": "Swagbucks",
            "prolific": "Prolific",
            "mturk": "Amazon MTurk",
            "clickworker": "Clickworker",
        }
    )
    """Platforms that sessions can be started on: id -> name."""
    cms_org: str = ""
    """The org whose posts are public, to anybody without a token; without it the public endpoints answer 503."""
    recognition: str = "on"
    """`off` leaves recognition out: the recognition API answers 503 then, as if its packages were not installed."""
    recognition_models: str = ""
    """The folder with the models of recognition; the repository's own when empty."""
    recognition_engines: dict[str, str] = field(default_factory=dict)
    """Capability of recognition -> its engine, of RECOGNITION_ENGINES; without an entry it is `embedded`."""
    inline_limit_bytes: int = 100_000
    """JSON larger than this lives in S3."""
    body_limit_bytes: int = 4 * 1024 * 1024
    heartbeat_timeout_seconds: int = 90
    max_attempts: int = 3
    start_to_close_seconds: int = 900
    schedule_to_start_seconds: int = 86_400
    total_seconds: int = 7 * 86_400
    backoff_base_seconds: float = 2.0
    backoff_cap_seconds: float = 300.0
    deliver_timeout_seconds: float = 60.0
    retention_days: int = 30
    allow_loopback: bool = False
    """Whether outbound calls may go to this machine; refused outside the local stage."""

    @property
    def local(self) -> bool:
        return self.stage == LOCAL


_settings: Settings | None = None


def settings() -> Settings:
    """The process's settings, checked on first use.

    Raises Misconfigured where a deployment in AWS would run with something that only the local stage may have.
    """
    global _settings
    if _settings is None:
        _settings = _from_environment()
    return _settings


def replace(**changes: Any) -> Settings:
    """Change settings of the running process, for the local stack and tests. Returns the settings before."""
    global _settings
    before = settings()
    _settings = changed(before, **changes)
    return before


def restore(before: Settings) -> None:
    """Restore the settings that `replace` returned."""
    replace(**asdict(before))


def reset() -> None:
    """Read the environment again on next use."""
    global _settings
    _settings = None


def _from_environment() -> Settings:
    named = {one.name: os.environ[one.name.upper()] for one in fields(Settings) if os.environ.get(one.name.upper())}
    named.setdefault("region", os.environ.get("AWS_REGION", Settings.region))
    read = Settings(**{name: _parse(name, text) for name, text in named.items()})
    _refuse_development_in_aws(read)
    _check_origins(read)
    _check_recognition_engines(read)
    return read


def _check_origins(deployment: Settings) -> None:
    for origin in deployment.cors_origins:
        if not _ORIGIN.fullmatch(origin):
            raise Misconfigured(f"CORS_ORIGINS: {origin} is no origin: write https://host, or https://host:port.")


def _check_recognition_engines(deployment: Settings) -> None:
    for capability, engine in deployment.recognition_engines.items():
        _require("capability", capability, RECOGNITION_ENGINES)
        _require(f"engine of {capability}", engine, RECOGNITION_ENGINES[capability])


def _require(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise Misconfigured(f"RECOGNITION_ENGINES: {name} is no {kind}: write one of {', '.join(known)}.")


def _parse(name: str, text: str) -> Any:
    [kind] = [one.type for one in fields(Settings) if one.name == name]
    try:
        value = _PARSERS[kind](text)
    except (ValueError, TypeError, KeyError):
        raise Misconfigured(f"{name.upper()} is not a valid {_KINDS[kind]}.") from None
    if kind in (int, float) and not 0 < value < float("inf"):
        raise Misconfigured(f"{name.upper()} must be above 0.")
    return value


def _parse_flag(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _parse_names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _parse_texts(text: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(json.loads(text)).items()}


def _parse_numbers(text: str) -> dict[str, int]:
    return {str(name): int(number) for name, number in dict(json.loads(text)).items()}


_PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: _parse_flag,
    frozenset[str]: _parse_names,
    dict[str, str]: _parse_texts,
    dict[str, int]: _parse_numbers,
}
_KINDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "flag: write true or false",
    frozenset[str]: "list of names with commas between them",
    dict[str, str]: "JSON object of name to text",
    dict[str, int]: "JSON object of name to whole number",
}


def _refuse_development_in_aws(deployment: Settings) -> None:
    in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
    if deployment.local and in_lambda:
        raise Misconfigured("STAGE is 'local' inside AWS Lambda: name the stage, so that development keys are refused.")
    if deployment.local:
        return
    if deployment.open_apis:
        raise Misconfigured("OPEN_APIS may be set on the local stage only: unset it.")
    if deployment.example_keys:
        raise Misconfigured("EXAMPLE_KEYS may be set on the local stage only: unset it.")
    if deployment.token_accounts:
        raise Misconfigured("TOKEN_ACCOUNTS may be set on the local stage only: unset it.")
    if deployment.github_client_secret:
        raise Misconfigured("GITHUB_CLIENT_SECRET may be set on the local stage only: put it into SSM.")
    if deployment.allow_loopback:
        raise Misconfigured("ALLOW_LOOPBACK may be set on the local stage only: unset it.")
    if not deployment.secrets_parameter:
        raise Misconfigured("SECRETS_PARAMETER must name the SSM SecureString with the token and sealing keys.")

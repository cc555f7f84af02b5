"""Settings: what this deployment is called and where its things are, read from the environment on first use.

Secrets (token keys, sealing keys) come from one SSM SecureString parameter in AWS, and from documented development
values on the local stage, and only there.
"""

import json
import os
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

LOCAL = "local"
DEVELOPMENT_KEY_ID = "development"
DEVELOPMENT_SECRET = "yardmaster-development-secret-for-the-local-stage-only"  # noqa: S105 - documented
DEVELOPMENT_SEAL = "eWFyZG1hc3Rlci1kZXZlbG9wbWVudC1zZWFsLWtleSE="


class Misconfigured(RuntimeError):
    """The environment describes a deployment that must not start."""


class Settings(BaseModel):
    """One deployment's configuration; durations are in the unit their name says."""

    model_config = ConfigDict(frozen=True)

    stage: str = LOCAL
    region: str = "us-east-1"

    tasks_table: str = "yardmaster-tasks"
    workers_table: str = "yardmaster-workers"
    events_table: str = "yardmaster-events"
    stats_table: str = "yardmaster-stats"
    access_table: str = "yardmaster-access"
    payload_bucket: str = "yardmaster-payloads"
    dispatch_queue: str = "yardmaster-dispatch.fifo"
    deliver_queue: str = "yardmaster-deliver"
    wakeups_queue: str = "yardmaster-wakeups"
    parked_queue: str = "yardmaster-relay-dead"
    """Queue names; the dead-letter queues of the three are theirs to name."""

    api_urls: dict[str, str] = Field(default_factory=dict)
    """API name -> public base URL, used to tell workers where to report."""
    open_apis: frozenset[str] = frozenset()
    """APIs that admit anonymous callers of org `local`; refused outside the local stage."""
    secrets_parameter: str = ""
    """Name of the SSM SecureString that holds {"jwt": {kid: secret}, "seal": {kid: base64}}."""
    jwt_issuer: str = "yardmaster"
    jwt_audience: str = "yardmaster"

    wake_shards: int = 4
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
    """Change settings of the running process: for the local stack and for tests. Returns what was before."""
    global _settings
    before = settings()
    _settings = before.model_copy(update=changes)
    return before


def forget() -> None:
    """Read the environment again on next use."""
    global _settings
    _settings = None


def _from_environment() -> Settings:
    names = Settings.model_fields
    raw: dict[str, Any] = {name: os.environ[name.upper()] for name in names if os.environ.get(name.upper())}
    raw.setdefault("region", os.environ.get("AWS_REGION", "us-east-1"))
    if "api_urls" in raw:
        raw["api_urls"] = json.loads(raw["api_urls"])
    if "open_apis" in raw:
        raw["open_apis"] = [name.strip() for name in raw["open_apis"].split(",")]
    found = Settings.model_validate(raw)
    _refuse_development_in_aws(found)
    return found


def _refuse_development_in_aws(found: Settings) -> None:
    in_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
    if found.local and in_lambda:
        raise Misconfigured("STAGE is 'local' inside AWS Lambda: name the stage, so that development keys are refused.")
    if found.local:
        return
    if found.open_apis:
        raise Misconfigured("OPEN_APIS may be set on the local stage only: unset it.")
    if found.allow_loopback:
        raise Misconfigured("ALLOW_LOOPBACK may be set on the local stage only: unset it.")
    if not found.secrets_parameter:
        raise Misconfigured("SECRETS_PARAMETER must name the SSM SecureString with the token and sealing keys.")

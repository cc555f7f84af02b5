"""The errors that the client raises.

OrchestratorError
├── ApiError          the API answered with an error
└── ConnectionFailed  no answer came
"""

from collections.abc import Mapping
from typing import Any


class OrchestratorError(Exception):
    """The base class of the client's errors."""


class ConnectionFailed(OrchestratorError):
    """The API could not be reached, or did not answer in time."""


class ApiError(OrchestratorError):
    """The API's error: `status`, `code` such as VALIDATION_ERROR, `details` by field, `retry_after` in seconds."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        error = body.get("error", {}) if isinstance(body, dict) else {}
        error = error if isinstance(error, dict) else {"code": error, "message": body.get("error_description")}
        super().__init__(error.get("message") or f"The API answered with status {status}")
        self.status = status
        self.code: str | None = error.get("code")
        self.details: Mapping[str, Any] = error.get("details") or {}
        self.headers = headers
        retry_after_header = headers.get("retry-after", "")
        self.retry_after = int(retry_after_header) if retry_after_header.isdigit() else None

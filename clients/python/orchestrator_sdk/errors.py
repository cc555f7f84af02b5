"""What can go wrong.

OrchestratorError
├── ApiError          the API answered with an error
└── ConnectionFailed  no answer came
"""

from collections.abc import Mapping
from typing import Any


class OrchestratorError(Exception):
    """The root."""


class ConnectionFailed(OrchestratorError):
    """The API could not be reached, or did not answer in time."""


class ApiError(OrchestratorError):
    """The API's own error: `status`, `code` such as VALIDATION_ERROR, `details` by field, `retry_after` in seconds."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        said = body.get("error", {}) if isinstance(body, dict) else {}
        said = said if isinstance(said, dict) else {"code": said, "message": body.get("error_description")}
        super().__init__(said.get("message") or f"The API answered with status {status}")
        self.status = status
        self.code: str | None = said.get("code")
        self.details: Mapping[str, Any] = said.get("details") or {}
        self.headers = headers
        after = headers.get("retry-after", "")
        self.retry_after = int(after) if after.isdigit() else None

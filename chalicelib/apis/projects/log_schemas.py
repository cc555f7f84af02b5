"""Schema of the lines of the activity log, which the system and the agents endpoints show."""

from typing import Any, Self

from chalicelib.edge import CamelSchema, Instant
from chalicelib.engine.statistics.activity_log import Level, Line, Service


class LogLine(CamelSchema):
    """A line of the activity log."""

    timestamp: Instant
    level: Level
    service: Service
    message: str
    details: dict[str, Any]

    @classmethod
    def from_line(cls, line: Line) -> Self:
        return cls(
            timestamp=line.at, level=line.level, service=line.service, message=line.message, details=line.details
        )

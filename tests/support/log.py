"""What the deployment writes to its log."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.observability import logger


class Log:
    """A stream that keeps what is written to it."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing is buffered."""

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def story(self, task_id: str) -> list[dict[str, Any]]:
        """The lines about a task, in the order in which it happened: the query that docs/how-to/operate.md shows."""
        task_lines = [line for line in self.lines if line.get("task_id") == task_id and "at" in line]
        # A lease, which has a status, and its handover may have the same timestamp.
        return sorted(task_lines, key=lambda line: (line["at"], line["version"], "status" not in line))


@contextmanager
def logging_to(log: Log, level: int = logging.INFO) -> Iterator[Log]:
    """Write everything logged at this level or above it to `log`, until the block ends."""
    [handler] = (handler for handler in logger().handlers if isinstance(handler, logging.StreamHandler))
    before, stream = logger().log_level, handler.stream
    handler.stream = log  # setStream would flush the one before, which a test may have closed
    logger().setLevel(level)
    try:
        yield log
    finally:
        logger().setLevel(before)
        handler.stream = stream

"""What the assistant says in a conversation when the code task that a user asked for there has ended."""

import re
from collections.abc import Mapping
from typing import Any

_FENCE = re.compile(r"`{3,}")
_CUT = "\n... (the code is longer)"


def code_answer(task_id: str, language: str, result: Mapping[str, Any], max_chars: int) -> str:
    """The code of a completed task as a Markdown block, and what else its result says, in at most `max_chars`."""
    code = str(result.get("code") or "").rstrip()
    words = f"Task {task_id} is completed." + "".join(f" {text}" for text in _remarks(result))
    fence = max([*_FENCE.findall(code), "``"], key=len) + "`"
    frame = len(f"{fence}{language}\n\n{fence}\n\n{words}")
    room = max_chars - frame
    shown = code if len(code) <= room else code[: max(0, room - len(_CUT))] + _CUT
    text = f"{fence}{language}\n{shown}\n{fence}\n\n{words}" if code else words
    return text[:max_chars]


def _remarks(result: Mapping[str, Any]) -> list[str]:
    passed, total = result.get("tests_passed"), result.get("tests_total")
    tests = f"{passed} of {total} tests passed." if total else ""
    return [text for text in (tests, str(result.get("note") or "")) if text]


def failure_answer(task_id: str, error: Mapping[str, Any] | None, max_chars: int) -> str:
    """That a task gave no code, and why."""
    return f"Task {task_id} failed: {(error or {}).get('message') or 'no reason is known'}"[:max_chars]

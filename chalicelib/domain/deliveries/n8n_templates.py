"""Make notifications from the calls of n8n's hooks. Each hook has a template, which values of the body fill.

The placeholder `{a.b}` is the value at `a`, then `b` in the body. `{*}` is the whole body, one line for each value.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from chalicelib.domain.deliveries.notification import Kind

HookName = Literal["survey-complete", "earnings-update", "error-alert"]
MAX_LENGTH = 4_000
"""The maximum number of characters of a notification. A longer text is cut: a body may have megabytes."""
_PLACEHOLDER = re.compile(r"\{(\*|[\w-]+(?:\.[\w-]+)*)\}")
_EMPTY = "-"


class Hook(NamedTuple):
    """The kind of a hook's notifications, and the template that applies unless the org has its own."""

    kind: Kind
    template: str


HOOKS: Mapping[HookName, Hook] = {
    "survey-complete": Hook("success", "Survey completed\n{*}"),
    "earnings-update": Hook("info", "Earnings update\n{*}"),
    "error-alert": Hook("error", "Error alert\n{*}"),
}


def render(template: str, body: Mapping[str, Any]) -> str:
    """Fill the template with values of the body. A missing value becomes a dash."""

    def fill_in(match: re.Match[str]) -> str:
        if match[1] == "*":
            return "\n".join(_first_lines(body))
        return _text_of(_value_at(body, match[1].split(".")))

    text = _PLACEHOLDER.sub(fill_in, template).strip() or _EMPTY
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def _first_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """One line for each value, until they are longer than a notification: each may repeat names of megabytes."""
    length = 0
    for name, value in _flatten(body, ""):
        if length > MAX_LENGTH:
            return
        yield (line := f"{name}: {value}")
        length += len(line)


def _value_at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _flatten(body: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        if isinstance(value, Mapping) and value and prefix.count(".") < 5:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _text_of(value)


def _text_of(value: Any) -> str:
    if value is None:
        return _EMPTY
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

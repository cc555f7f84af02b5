"""What n8n tells, as notifications: each hook has a template, into which what it sends is filled.

`{a.b}` in a template is what stands in the body under a and, in it, b; `{*}` is all of the body, a line each.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from chalicelib.domain.deliveries.notification import Kind

HookName = Literal["survey-complete", "earnings-update", "error-alert"]
MAX_LENGTH = 4_000
"""Characters of a notification; a body may have megabytes."""
_PLACEHOLDER = re.compile(r"\{(\*|[\w-]+(?:\.[\w-]+)*)\}")
_EMPTY = "-"


class Hook(NamedTuple):
    """What a hook's notifications are, unless the org has a template of its own."""

    kind: Kind
    template: str


HOOKS: Mapping[HookName, Hook] = {
    "survey-complete": Hook("success", "Survey completed\n{*}"),
    "earnings-update": Hook("info", "Earnings update\n{*}"),
    "error-alert": Hook("error", "Error alert\n{*}"),
}


def render(template: str, body: Mapping[str, Any]) -> str:
    """The template with what was sent; a place of which the body knows nothing shows a dash."""

    def filled(match: re.Match[str]) -> str:
        if match[1] == "*":
            return "\n".join(f"{name}: {value}" for name, value in _flatten(body, ""))
        return _text_of(_value_at(body, match[1].split(".")))

    text = _PLACEHOLDER.sub(filled, template).strip() or _EMPTY
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


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

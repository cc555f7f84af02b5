"""What n8n tells, as notifications: each hook has a template, into which what it sends is filled.

`{a.b}` in a template is what stands in the body under a and, in it, b; `{*}` is all of the body, a line each.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from chalicelib.domain.deliveries.notification import Kind

Name = Literal["survey-complete", "earnings-update", "error-alert"]
LONGEST = 4_000
"""Characters of a notification; a body may have megabytes."""
_PLACE = re.compile(r"\{(\*|[\w-]+(?:\.[\w-]+)*)\}")
_NOTHING = "-"


class Hook(NamedTuple):
    """What a hook's notifications are, unless the org has a template of its own."""

    kind: Kind
    template: str


HOOKS: Mapping[Name, Hook] = {
    "survey-complete": Hook("success", "Survey completed\n{*}"),
    "earnings-update": Hook("info", "Earnings update\n{*}"),
    "error-alert": Hook("error", "Error alert\n{*}"),
}


def worded(template: str, body: Mapping[str, Any]) -> str:
    """The template with what was sent; a place of which the body knows nothing shows a dash."""

    def filled(match: re.Match[str]) -> str:
        if match[1] == "*":
            return "\n".join(f"{name}: {value}" for name, value in _lines(body, ""))
        return _said(_at(body, match[1].split(".")))

    text = _PLACE.sub(filled, template).strip() or _NOTHING
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _lines(body: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        if isinstance(value, Mapping) and value and prefix.count(".") < 5:
            yield from _lines(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _said(value)


def _said(value: Any) -> str:
    if value is None:
        return _NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

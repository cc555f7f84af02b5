"""The processing API's document as data: its endpoints with their examples, and whether a reply is like an example."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = json.loads((Path(__file__).parent / "data" / "processing.json").read_text("utf-8"))
ERRORS: dict[str, dict[str, str]] = DATA["errors"]
LIMITS: dict[str, int] = DATA["rate_limits"]
IDENTIFIER = re.compile(r"^(task|server)_\w+$")
DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
CAMEL = re.compile(r"^[a-z][a-zA-Z0-9]*$")
VERBATIM = {"payload", "result", "metadata"}
"""Fields whose content is the caller's own, in the caller's own letter case."""


@dataclass(frozen=True)
class Documented:
    """One documented endpoint."""

    id: str
    method: str
    path: str
    auth: str
    request: Any
    response: Any

    @property
    def public(self) -> bool:
        return self.path in ("/docs", "/openapi.json")

    @property
    def kind(self) -> str:
        """What its `{id}` names, in the words of its 404."""
        return "Task" if self.path.startswith("/api/task") else "Server"

    def url(self, identifier: str) -> str:
        return self.path.replace("{id}", identifier)

    @property
    def status(self) -> int:
        return 201 if self.id in ("POST /api/task", "POST /api/servers") else 200

    @property
    def limit(self) -> int:
        named = {"POST /api/task": "task_creation", "POST /api/servers": "server_registration"}
        return LIMITS[named.get(self.id, "default")]


ENDPOINTS = tuple(Documented(**endpoint) for endpoint in DATA["endpoints"])
GUARDED = tuple(endpoint for endpoint in ENDPOINTS if not endpoint.public)
OF_ONE = tuple(endpoint for endpoint in GUARDED if "{id}" in endpoint.path)
WITH_BODY = tuple(endpoint for endpoint in GUARDED if endpoint.request is not None)


def name_of(endpoint: Documented) -> str:
    return endpoint.id


def require_alike(given: Any, example: Any, where: str = "") -> None:
    """Raise AssertionError unless `given` has every field of the example, each of its JSON type and format."""
    match example:
        case dict():
            assert isinstance(given, dict), where
            for name, value in example.items():
                # Ids as keys stand for any id.
                found = next(iter(given.values())) if IDENTIFIER.match(name) else given[name]
                require_alike(found, value, f"{where}.{name}")
        case list():
            assert isinstance(given, list) and given, where
            for number, one in enumerate(given):
                require_alike(one, example[0], f"{where}[{number}]")
        case str():
            assert isinstance(given, str) and given, where
            for form in (IDENTIFIER, DAY):
                assert not form.match(example) or form.match(given), f"{where}: {given}"
            prefix = example.partition("_")[0]
            assert not IDENTIFIER.match(example) or given.startswith(prefix + "_"), f"{where}: {given}"
        case bool():
            assert isinstance(given, bool), where
        case _:
            assert isinstance(given, int | float) and not isinstance(given, bool), where
            assert isinstance(example, float) or isinstance(given, int), f"{where}: {given} is not whole"


def require_camel_case(value: Any) -> None:
    """Raise AssertionError for a field name that is not camelCase."""
    if isinstance(value, list):
        for one in value:
            require_camel_case(one)
    if isinstance(value, dict):
        for name, inner in value.items():
            assert CAMEL.match(name) or IDENTIFIER.match(name), name
            if name not in VERBATIM:
                require_camel_case(inner)

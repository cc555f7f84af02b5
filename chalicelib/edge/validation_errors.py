"""Sentences, made from the schema, that say what is wrong with the input and what would be right.

A sentence repeats the input, if it is short, but never a secret (`schemas.SECRET`), a file, or what contains one.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chalicelib.errors import InvalidRequest

JsonSchema = dict[str, Any]
FILE = "binary"
"""The format of a file's schema."""
SECRET_NAME = re.compile(
    r"password|passwd|passphrase|secret|token|api_?key|private_?key|credential|authorization|cookie|verifier|^code$",
    re.IGNORECASE,
)
"""Names of secrets: a test holds that fields with such names are declared as secrets."""
MAX_SHOWN_CHARS = 60
"""Longer input is described, not repeated."""
MAX_PROBLEMS = 100
"""An error names so many problems: a body of 4 MB can have a million of them."""
_NAME = "[key]"
"""The end of pydantic's place of a wrong name in an object."""
NOUNS = {"integer": "an integer", "number": "a number", "boolean": "true or false"}
FORMATS = {
    "binary": "a file, in a part with a filename",
    "date": "a date (YYYY-MM-DD)",
    "date-time": "a date and time (ISO 8601)",
    "uri": "a URL",
    "uuid": "a UUID",
}
SHAPES = {r"\S": ", not only spaces"}
"""What a pattern asks for, in words."""


class Problem(NamedTuple):
    """One thing wrong with the input."""

    path: str
    """The place, such as `payload.items.0`; empty for the whole body."""
    what: str
    """A clause about the value there, such as "is required"."""
    sentence: str
    """The same as a whole sentence."""


def find_problems(error: ValidationError, schema: JsonSchema, *, root: str = "", secret: bool = False) -> list[Problem]:
    """The first MAX_PROBLEMS that pydantic found in a value of `schema`, in order; `root` is the value's own name.

    Nothing of a `secret` value is repeated, whatever its schema says.
    """
    return [_problem(detail, schema, root, secret) for detail in error.errors(include_url=False)[:MAX_PROBLEMS]]


def problems_error(problems: Sequence[Problem]) -> InvalidRequest:
    """The error for a request with these problems; the first is the message."""
    return InvalidRequest(problems[0].sentence, fields={problem.path: problem.what for problem in problems})


def _problem(detail: ErrorDetails, schema: JsonSchema, root: str, secret: bool) -> Problem:
    place = _locate(detail["loc"], schema)
    path = ".".join([root, *place.steps] if root else place.steps)
    if detail["type"] == "missing":
        return Problem(path, "is required", f"Missing required field: {path}")
    if detail["type"] == "extra_forbidden":
        what = f"is not a field of this body, which has {', '.join(schema.get('properties', {}))}"
        return Problem(path[:MAX_SHOWN_CHARS], what, f"{path[:MAX_SHOWN_CHARS]}: {what}")
    hidden = secret or place.secret or _holds_secret(place.schema, schema)
    what = _clause(detail, place.schema, schema, hidden)
    return Problem(path, what, f"{path}: {what}" if path else f"The body {what}")


def _clause(detail: ErrorDetails, target: JsonSchema, schema: JsonSchema, hidden: bool) -> str:
    if detail["type"] in {"value_error", "assertion_error"}:
        return str(detail["ctx"]["error"])
    is_name = detail["loc"][-1:] == (_NAME,)
    wanted = _describe_names(target, schema) if is_name else _describe(target, schema)
    if not wanted:
        return detail["msg"].replace("Input should be", "must be", 1)
    return f"must be {wanted}, got {_actual(detail, hidden)}"


def _actual(detail: ErrorDetails, hidden: bool) -> str:
    """The value as the sentence shows it; of a list or an object that is too short or too long, its length."""
    length = detail.get("ctx", {}).get("actual_length")
    if isinstance(detail["input"], list | dict) and length is not None:
        return str(length)
    return _kind(detail["input"]) if hidden else _shown(detail["input"])


class _Place(NamedTuple):
    """The place of a problem: the path to it, the schema of the value there, and whether it is within a secret."""

    steps: list[str]
    schema: JsonSchema
    secret: bool


def _locate(loc: Sequence[int | str], schema: JsonSchema) -> _Place:
    """The place that `loc` names; pydantic's tags of union members are left out of the path."""
    steps, here, tagged, secret = [], schema, False, False
    for key in loc:
        tagged = not tagged and _is_union(here)
        if tagged:
            continue
        for branch in _branches(here, schema):
            child = _child(branch, key)
            if child is not None:
                # Within a secret, a name that the caller chose may be a part of the secret.
                is_chosen = secret and isinstance(key, str) and key not in branch.get("properties", {})
                steps.append("*" if is_chosen else str(key)[:MAX_SHOWN_CHARS])
                here, secret = child, secret or any(map(_is_secret, [child, *_branches(child, schema)]))
                break
    return _Place(steps, here, secret)


def _is_secret(schema: JsonSchema) -> bool:
    return bool(schema.get("writeOnly")) or schema.get("format") == FILE


def _holds_secret(schema: JsonSchema, root: JsonSchema, seen: frozenset[str] = frozenset()) -> bool:
    """Whether the value of this schema is a secret or a file, or contains one at any depth."""
    if _is_secret(schema):
        return True
    name = schema.get("$ref", "")
    if name in seen:
        return False
    inner = [schema.get(one) for one in ("items", "additionalProperties")]
    inner += [*schema.get("properties", {}).values(), *schema.get("patternProperties", {}).values()]
    inner += schema.get("prefixItems", ())
    inner += [branch for branch in _branches(schema, root) if branch is not schema]
    return any(_holds_secret(one, root, seen | {name} - {""}) for one in inner if isinstance(one, dict))


def _is_union(schema: JsonSchema) -> bool:
    """Whether pydantic reports the problems for each member of a union, whose tag comes first."""
    return len([member for member in schema.get("anyOf", ()) if member.get("type") != "null"]) > 1


def _child(schema: JsonSchema, key: int | str) -> JsonSchema | None:
    if isinstance(key, int):
        prefix = schema.get("prefixItems", [])
        return prefix[key] if key < len(prefix) else schema.get("items")
    if key in schema.get("properties", {}):
        return dict(schema["properties"][key])
    for pattern, child in schema.get("patternProperties", {}).items():
        if re.search(pattern, key):
            return dict(child)
    others = schema.get("additionalProperties")
    return {} if isinstance(others, bool) else others


def _branches(schema: JsonSchema, root: JsonSchema) -> Iterator[JsonSchema]:
    """The schema with references followed, or the members of a union."""
    if "$ref" in schema:
        yield from _branches(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    elif "anyOf" in schema or "oneOf" in schema:
        for member in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            yield from _branches(member, root)
    else:
        yield schema


def _describe(schema: JsonSchema, root: JsonSchema) -> str:
    """What a value must be, such as "an integer between 0 and 9"; empty if the schema does not say."""
    wanted = [_noun(branch) for branch in _branches(schema, root) if branch.get("type") != "null"]
    return " or ".join(dict.fromkeys(wanted)) if all(wanted) else ""


def _describe_names(schema: JsonSchema, root: JsonSchema) -> str:
    """What the names of an object's fields must be; empty if the schema does not say."""
    patterns = [pattern for branch in _branches(schema, root) for pattern in branch.get("patternProperties", {})]
    return f"an object with names of fields matching {' or '.join(patterns)}" if patterns else ""


def _noun(schema: JsonSchema) -> str:
    kind = schema.get("type", "")
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ("one of: " if len(values) > 1 else "") + ", ".join(map(str, values))
    if kind == "string":
        shape = SHAPES.get(schema["pattern"], f" matching {schema['pattern']}") if "pattern" in schema else ""
        return FORMATS.get(schema.get("format", ""), "a string") + _size_clause(schema, "Length", "characters") + shape
    if kind == "array":
        return "a list" + _size_clause(schema, "Items", "items")
    if kind == "object":
        return "an object" + _size_clause(schema, "Properties", "fields")
    return NOUNS.get(kind, "") + _range_clause(schema)


def _size_clause(schema: JsonSchema, suffix: str, unit: str) -> str:
    low, high = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
    if low and high:
        return f" of {low} to {high} {unit}"
    if low:
        return f" of at least {low} {unit}"
    return f" of at most {high} {unit}" if high else ""


def _range_clause(schema: JsonSchema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" between {low} and {high}"
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    bounds = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    return f" {' and '.join(bounds)}" if bounds else ""


def _kind(value: Any) -> str:
    """The kind of the value, without its content."""
    match value:
        case str():
            return f"text of {len(value)} characters"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case dict() | list() | None:
            return _shown(value)
        case _:
            return "something else"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"a value of {len(value if isinstance(value, str) else text)} characters"

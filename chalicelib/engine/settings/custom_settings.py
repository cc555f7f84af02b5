"""Settings of one API that can be changed one by one: those that it has of its own, and those that an org adds, with a
type that the org chooses. The id of a setting is its key."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chalicelib.domain.document import Document
from chalicelib.domain.settings import typed_value
from chalicelib.domain.settings.setting import Group, Setting
from chalicelib.domain.settings.typed_value import ValueType
from chalicelib.engine.documents import documents
from chalicelib.engine.settings import groups
from chalicelib.errors import Conflict, InvalidRequest
from chalicelib.storage.access import quotas
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.documents import documents as storage

KIND = "setting"
MAX_SETTINGS = 200
"""Settings that an org can add: a list reads them all."""


class NamedSetting(NamedTuple):
    """A setting and its value. The times, in epoch milliseconds, are None for one that nobody has changed or added."""

    key: str
    type: ValueType
    value: Any
    created_at: int | None = None
    updated_at: int | None = None


def create(org: str, key: str, kind: ValueType, value: Any, by: str, own: Sequence[Group]) -> NamedSetting:
    """Add a setting. One call. Raises InvalidRequest for a value of another type, Conflict for a key that is taken, and
    when the org has MAX_SETTINGS."""
    _require_none(typed_value.problem(kind, value))
    if _find_group(key, own) is not None:
        raise Conflict(f"Setting {key} exists already: change it")
    document = documents.new(org, KIND, {"type": kind, "value": value}, id=key, by=by)
    try:
        return _parse(documents.create(document, [quotas.take_write(org, KIND, MAX_SETTINGS)]))
    except ConditionFailed:
        raise Conflict(f"An organization has at most {MAX_SETTINGS} settings of its own: delete some") from None


def change(org: str, key: str, value: Any, by: str, own: Sequence[Group]) -> NamedSetting:
    """Give a setting another value of its type. Two calls. Raises NotFound, InvalidRequest."""
    group = _find_group(key, own)
    if group is not None:
        _require_none(group.find(key).problem(value))
        return _own_setting(group, key, groups.change(org, group, {key: value}, by))

    def decide(document: Document) -> Document:
        _require_none(typed_value.problem(document.body["type"], value))
        return documents.with_body(document, {"value": value})

    return _parse(documents.change(org, KIND, key, decide, by=by))


def delete(org: str, key: str, own: Sequence[Group], by: str) -> None:
    """Delete a setting that the org has added; one of the API's own gets its default again. Two calls. Raises
    NotFound."""
    group = _find_group(key, own)
    if group is not None:
        groups.change(org, group, {key: group.find(key).default}, by)
    else:
        documents.delete(org, KIND, key, also=lambda _: [quotas.give_back_write(org, KIND)])


def list_all(org: str, own: Sequence[Group]) -> list[NamedSetting]:
    """The API's own settings, then those that the org has added, by key. Two calls; one more for each megabyte."""
    stored = storage.find_many(org, groups.KIND, [group.name for group in own])
    standard = [_own_setting(group, name, stored.get(group.name)) for group, name in _own_names(own)]
    return [*standard, *map(_parse, storage.iter_all(org, KIND, newest=False))]


def _own_names(own: Sequence[Group]) -> Iterator[tuple[Group, str]]:
    return ((group, name) for group in own for name in group.names)


def _find_group(key: str, own: Sequence[Group]) -> Group | None:
    return next((group for group, name in _own_names(own) if name == key), None)


def _own_setting(group: Group, key: str, stored: Document | None) -> NamedSetting:
    values = group.with_defaults(stored.body if stored is not None else {})
    return NamedSetting(key, _type(group.find(key)), values[key], updated_at=stored.updated_at if stored else None)


def _type(setting: Setting) -> ValueType:
    kinds: dict[type, ValueType] = {str: "string", int: "int", bool: "bool"}
    return kinds[type(setting.default)]


def _require_none(problem: str | None) -> None:
    if problem is not None:
        raise InvalidRequest(f"value: {problem}", fields={"value": problem})


def _parse(document: Document) -> NamedSetting:
    return NamedSetting(
        document.id, document.body["type"], document.body["value"], document.created_at, document.updated_at
    )

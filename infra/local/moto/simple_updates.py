"""moto's UpdateExpressions, those of the usual kind: changed at once, without ten walks over a tree for each.

Usual is what sets, counts up and removes attributes, or entries of a map, under names and values given beside the text.
Whatever else an expression says, and whatever might be refused, is left to moto.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item, bytesize
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing.ast_nodes import (
    ExpressionAttributeName,
    ExpressionAttributeValue,
    ExpressionPathDescender,
    Node,
    UpdateExpressionAddAction,
    UpdateExpressionAddClause,
    UpdateExpressionDeleteAction,
    UpdateExpressionFunction,
    UpdateExpressionPath,
    UpdateExpressionRemoveAction,
    UpdateExpressionRemoveClause,
    UpdateExpressionSetAction,
    UpdateExpressionSetClause,
)
from moto.dynamodb.parsing.executors import UpdateExpressionExecutor
from moto.dynamodb.parsing.validators import UpdateExpressionValidator

from infra.local.moto.sorted_indexes import LARGEST_ITEM

_ACTIONS = [
    UpdateExpressionSetAction,
    UpdateExpressionAddAction,
    UpdateExpressionRemoveAction,
    UpdateExpressionDeleteAction,
]
_CLAUSES = [UpdateExpressionSetClause, UpdateExpressionAddClause, UpdateExpressionRemoveClause]
_ZERO = DynamoType({"N": "0"})

Path = tuple[str, ...]
"""Of an attribute: its name. Of an entry of a map: the map's name and the entry's."""


class _OnlyMotoKnows(Exception):
    """The update may be refused, or is of an unusual kind."""


@dataclass(frozen=True, slots=True)
class _Action:
    """One of the expression's, with the placeholders in it."""

    path: Path
    value: str = ""
    """What is set or added; nothing where the path is removed."""
    unless: Path = ()
    """What is set instead, if it is there: if_not_exists."""
    adds: bool = False


@dataclass(frozen=True, slots=True)
class _Change:
    """An attribute or an entry, and what it becomes; None if it goes."""

    path: Path
    holder: dict[str, Any]
    value: DynamoType | None


class _Changes(list[_Change]):
    """What stands in for the tree that moto would carry out."""

    def normalize(self) -> None:
        """They are in their order already."""


def ways() -> list[tuple[Any, str, Any]]:
    """What stands in for moto's: (where, its name, ours)."""
    return [
        (UpdateExpressionValidator, "__init__", _begin),
        (UpdateExpressionValidator, "validate", _validate),
        (UpdateExpressionExecutor, "execute", _execute),
    ]


# The text


def plan(tree: Any) -> list[_Action] | None:
    """What the expression does, if it is of the usual kind."""
    if any(len(tree.find_clauses([kind])) > 1 for kind in _CLAUSES):
        return None
    try:
        actions = [_action(node) for node in tree.find_clauses(_ACTIONS)]
    except _OnlyMotoKnows:
        return None
    paths = [action.path for action in actions]
    return actions if len(set(paths)) == len(paths) else None


def _action(node: Any) -> _Action:
    path = _path(node.children[0])
    if isinstance(node, UpdateExpressionRemoveAction):
        return _Action(path)
    if isinstance(node, UpdateExpressionAddAction):
        return _Action(path, _value(node.children[1]), adds=True)
    if isinstance(node, UpdateExpressionSetAction) and len(node.children[1].children) == 1:
        return _set_action(path, node.children[1].children[0])
    raise _OnlyMotoKnows


def _set_action(path: Path, node: Any) -> _Action:
    if not isinstance(node, UpdateExpressionFunction):
        return _Action(path, _value(node))
    if node.get_function_name() != "if_not_exists":
        raise _OnlyMotoKnows
    return _Action(path, _value(node.get_nth_argument(2)), _path(node.get_nth_argument(1)))


def _path(node: Any) -> Path:
    if not isinstance(node, UpdateExpressionPath):
        raise _OnlyMotoKnows
    names = node.children[::2]
    between: list[Node] = node.children[1::2]
    usual = len(names) <= 2 and all(isinstance(name, ExpressionAttributeName) for name in names)
    if not usual or not all(isinstance(one, ExpressionPathDescender) for one in between):
        raise _OnlyMotoKnows
    return tuple(name.get_attribute_name_placeholder() for name in names)


def _value(node: Any) -> str:
    if not isinstance(node, ExpressionAttributeValue):
        raise _OnlyMotoKnows
    return str(node.get_value_name())


# One update


@dataclass(frozen=True, slots=True)
class _Update:
    """What the expression is about."""

    names: Mapping[str, str]
    values: Mapping[str, Any]
    item: Item
    table: Table

    def changes(self, actions: Iterable[_Action]) -> _Changes:
        """Raises _OnlyMotoKnows, and changes nothing."""
        made = _Changes(self._change(action) for action in actions)
        whole = [change.path[0] for change in made if len(change.path) == 1]
        maps = {change.path[0] for change in made if len(change.path) > 1}
        if len(set(whole)) < len(whole) or not maps.isdisjoint(whole) or self._may_be_too_large(made):
            raise _OnlyMotoKnows
        return made

    def _may_be_too_large(self, changes: _Changes) -> bool:
        """moto refuses an item that is too large for a moment, too: nothing is taken off for what is replaced."""
        added: int = sum(
            bytesize(change.path[-1]) + change.value.size() for change in changes if change.value is not None
        )
        there: int = sum(bytesize(name) + value.size() for name, value in self.item.attrs.items())
        return there + added > LARGEST_ITEM

    def _change(self, action: _Action) -> _Change:
        path = self._named(action.path)
        holder = self._holder(path)
        value = self._becomes(action, holder.get(path[-1])) if action.value else None
        return _Change(path, holder, value)

    def _becomes(self, action: _Action, now: DynamoType | None) -> DynamoType:
        value = DynamoType(self._given(self.values, action.value))
        if action.adds:
            return self._sum(_ZERO if now is None else now, value)
        if action.unless:
            unless = self._named(action.unless)
            found: DynamoType = self._holder(unless).get(unless[-1], value)
            return found
        return value

    def _sum(self, one: DynamoType, other: DynamoType) -> DynamoType:
        """What ADD makes of two numbers; sets are left to moto."""
        if not (one.is_number() and other.is_number()):
            raise _OnlyMotoKnows
        return one + other

    def _named(self, path: Path) -> Path:
        names = tuple(self._given(self.names, one) for one in path)
        if names[0] in self.table.table_key_attrs:
            raise _OnlyMotoKnows
        return names

    def _holder(self, path: Path) -> dict[str, Any]:
        if len(path) == 1:
            return self.item.attrs
        found = self.item.attrs.get(path[0])
        if found is None or not found.is_map():
            raise _OnlyMotoKnows
        entries: dict[str, Any] = found.value
        return entries

    def _given(self, given: Mapping[str, Any], placeholder: str) -> Any:
        if not given or placeholder not in given:
            raise _OnlyMotoKnows
        return given[placeholder]


_begin_by_moto: Any = UpdateExpressionValidator.__init__
_validate_by_moto: Any = UpdateExpressionValidator.validate
_execute_by_moto: Any = UpdateExpressionExecutor.execute


def _begin(
    validator: Any,
    expression: Any,
    expression_attribute_names: Any,
    expression_attribute_values: Any,
    item: Item,
    table: Table,
) -> None:
    given = expression_attribute_names, expression_attribute_values, item, table
    try:
        validator.changes = _Update(*given).changes(_planned(expression))
    except _OnlyMotoKnows:
        validator.changes = None
        _begin_by_moto(validator, expression, *given)


def _planned(expression: Any) -> list[_Action]:
    """What `plan` has said of the tree."""
    actions: list[_Action] | None = getattr(expression, "plan", None)
    if actions is None:
        raise _OnlyMotoKnows
    return actions


def _validate(validator: Any) -> Any:
    return _validate_by_moto(validator) if validator.changes is None else validator.changes


def _execute(executor: Any, node: Any = None) -> None:
    if not isinstance(executor.update_ast, _Changes):
        _execute_by_moto(executor, node)
        return
    for change in executor.update_ast:
        if change.value is None:
            change.holder.pop(change.path[-1], None)
        else:
            # The size was looked at, for all of them.
            dict.__setitem__(change.holder, change.path[-1], change.value)

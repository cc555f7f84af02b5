"""moto's UpdateExpressions of the usual kind, applied directly. moto traverses a tree ten times for each.

A usual expression sets, increments and removes attributes or entries of a map, with placeholders for names and values.
moto handles every other expression, and every one that it might refuse.
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

from infra.local.moto.sorted_indexes import MAX_ITEM_BYTES

_ACTIONS = [
    UpdateExpressionSetAction,
    UpdateExpressionAddAction,
    UpdateExpressionRemoveAction,
    UpdateExpressionDeleteAction,
]
_CLAUSES = [UpdateExpressionSetClause, UpdateExpressionAddClause, UpdateExpressionRemoveClause]
_ZERO = DynamoType({"N": "0"})

Path = tuple[str, ...]
"""The name of an attribute; or the name of a map and of the entry in it."""


class _OnlyMotoKnows(Exception):
    """moto may refuse the update, or it is of an unusual kind."""


@dataclass(frozen=True, slots=True)
class _Action:
    """One action of an expression, with its placeholders."""

    path: Path
    value: str = ""
    """The value to set or add; empty where the action removes the path."""
    unless: Path = ()
    """The path of if_not_exists: its value is set instead, if there is one."""
    adds: bool = False


@dataclass(frozen=True, slots=True)
class _Change:
    """An attribute or an entry with its new value; None if it is removed."""

    path: Path
    holder: dict[str, Any]
    value: DynamoType | None


class _Changes(list[_Change]):
    """The changes that replace moto's tree."""

    def normalize(self) -> None:
        """Do nothing: the changes need no normalization."""


def replacements() -> list[tuple[Any, str, Any]]:
    """The replaced parts of moto: (owner, attribute, replacement)."""
    return [
        (UpdateExpressionValidator, "__init__", _begin),
        (UpdateExpressionValidator, "validate", _validate),
        (UpdateExpressionExecutor, "execute", _execute),
    ]


# Parsing


def plan(tree: Any) -> list[_Action] | None:
    """The actions of an expression; None if it is not of the usual kind."""
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
    is_usual = len(names) <= 2 and all(isinstance(name, ExpressionAttributeName) for name in names)
    if not is_usual or not all(isinstance(one, ExpressionPathDescender) for one in between):
        raise _OnlyMotoKnows
    return tuple(name.get_attribute_name_placeholder() for name in names)


def _value(node: Any) -> str:
    if not isinstance(node, ExpressionAttributeValue):
        raise _OnlyMotoKnows
    return str(node.get_value_name())


# Applying


@dataclass(frozen=True, slots=True)
class _Update:
    """The placeholders of one call, and the item and table that it updates."""

    names: Mapping[str, str]
    values: Mapping[str, Any]
    item: Item
    table: Table

    def changes(self, actions: Iterable[_Action]) -> _Changes:
        """The changes of these actions. Applies none of them. Raises _OnlyMotoKnows."""
        changes = _Changes(self._change(action) for action in actions)
        whole_attributes = [change.path[0] for change in changes if len(change.path) == 1]
        maps = {change.path[0] for change in changes if len(change.path) > 1}
        if (
            len(set(whole_attributes)) < len(whole_attributes)
            or not maps.isdisjoint(whole_attributes)
            or self._can_be_too_large(changes)
        ):
            raise _OnlyMotoKnows
        return changes

    def _can_be_too_large(self, changes: _Changes) -> bool:
        """Whether moto might refuse the item for its size. It counts new values without subtracting replaced ones."""
        added_size: int = sum(
            bytesize(change.path[-1]) + change.value.size() for change in changes if change.value is not None
        )
        current_size: int = sum(bytesize(name) + value.size() for name, value in self.item.attrs.items())
        return current_size + added_size > MAX_ITEM_BYTES

    def _change(self, action: _Action) -> _Change:
        path = self._real_names(action.path)
        holder = self._holder(path)
        value = self._next_value(action, holder.get(path[-1])) if action.value else None
        return _Change(path, holder, value)

    def _next_value(self, action: _Action, now: DynamoType | None) -> DynamoType:
        value = DynamoType(self._look_up(self.values, action.value))
        if action.adds:
            return self._sum(_ZERO if now is None else now, value)
        if action.unless:
            unless = self._real_names(action.unless)
            found: DynamoType = self._holder(unless).get(unless[-1], value)
            return found
        return value

    def _sum(self, first: DynamoType, second: DynamoType) -> DynamoType:
        """The result of ADD for two numbers. moto handles sets."""
        if not (first.is_number() and second.is_number()):
            raise _OnlyMotoKnows
        return first + second

    def _real_names(self, path: Path) -> Path:
        names = tuple(self._look_up(self.names, one) for one in path)
        if names[0] in self.table.table_key_attrs:
            raise _OnlyMotoKnows
        return names

    def _holder(self, path: Path) -> dict[str, Any]:
        if len(path) == 1:
            return self.item.attrs
        attribute = self.item.attrs.get(path[0])
        if attribute is None or not attribute.is_map():
            raise _OnlyMotoKnows
        entries: dict[str, Any] = attribute.value
        return entries

    def _look_up(self, placeholders: Mapping[str, Any], placeholder: str) -> Any:
        if not placeholders or placeholder not in placeholders:
            raise _OnlyMotoKnows
        return placeholders[placeholder]


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
    arguments = expression_attribute_names, expression_attribute_values, item, table
    try:
        validator.changes = _Update(*arguments).changes(_plan_of(expression))
    except _OnlyMotoKnows:
        validator.changes = None
        _begin_by_moto(validator, expression, *arguments)


def _plan_of(expression: Any) -> list[_Action]:
    """The actions that `plan` has found for the tree."""
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
            # `changes` has checked the size, for all of them.
            dict.__setitem__(change.holder, change.path[-1], change.value)

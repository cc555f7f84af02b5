"""moto's answers in less time: what moto repeats for each call is done once.

Each function here replaces one of moto's and answers the same; where its shorter way does not apply, it calls moto's.
moto spends two thirds of a call's time on parsing the expressions, of which there are few, and on searching each member
of an answer under five names. It is one file, because the functions replace moto's all together or not at all.
"""

import copy
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, lru_cache
from typing import Any
from unittest.mock import patch

import moto.core.models
import moto.core.responses
from botocore.parsers import BaseJSONParser
from botocore.utils import merge_dicts
from moto.core.base_backend import BaseBackend
from moto.core.common_models import BaseModel
from moto.core.model import Shape, StructureShape
from moto.core.serialize import AttributePickerContext, JSONSerializer, XFormedAttributePicker
from moto.core.utils import method_names_from_class
from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models import dynamo_type
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.utilities import find_nested_key
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

from infra.local.moto import direct_calls, queries, queue_messages, simple_updates
from infra.local.moto.sorted_indexes import MAX_ITEM_BYTES

_MAX_EXPRESSIONS = 4_096
_PLAIN = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})
"""Kinds of attribute values that look the same in JSON and in botocore."""


@contextmanager
def replacing_moto() -> Iterator[None]:
    """Replace moto's functions by the faster ones, until the end of the block."""
    with ExitStack() as stack:
        for place, name, replacement in _replacements():
            stack.enter_context(patch.object(place, name, replacement))
        yield


def _replacements() -> list[tuple[Any, str, Any]]:
    return [
        # 1,300 URL patterns, built at each start, for the library `requests`, which is not used here.
        (moto.core.models, "RESPONSES_METHODS", []),
        (moto.core.responses, "method_names_from_class", cache(method_names_from_class)),
        (BaseBackend, "urls", property(_urls)),
        (BaseModel, "__new__", _make_model),
        (JSONSerializer, "_serialize_type_structure", _serialize_structure),
        (BaseJSONParser, "_handle_structure", _read_structure),
        (ConditionExpressionParser, "_lex_condition_expression", _lex_condition),
        (ConditionExpressionParser, "parse", _parse_condition),
        (UpdateExpressionParser, "make", classmethod(_make)),
        (validators, "deepcopy", _copy),
        (DepthFirstTraverser, "traverse", _traverse),
        (ActionCountValidator, "traverse", _check_once),
        (OverlappingPathsValidator, "traverse", _check_once),
        (DynamoType, "__deepcopy__", _copy_value),
        (Item, "__init__", _begin_item),
        (Item, "project", _project),
        *simple_updates.replacements(),
        *queries.replacements(),
        *queue_messages.replacements(),
        *direct_calls.replacements(),
    ]


# Answers


_serialize_by_moto = JSONSerializer._serialize_type_structure
Members = tuple[tuple[str, Shape, str | None, frozenset[str], bool], ...]


def _serialize_structure(serializer: Any, serialized: Any, value: Any, shape: StructureShape, key: str) -> None:
    picker = serializer._value_picker
    plain = type(value) is dict and type(picker) is XFormedAttributePicker and not picker.response_transformers
    if not plain or shape.is_document_type:
        _serialize_by_moto(serializer, serialized, value, shape, key)
        return
    inner = {} if key else serialized
    members, names = _members(shape)
    has_only_usual_names = value.keys() <= names
    for name, member, text_name, others, needs_moto in members:
        if name in value:
            _serialize_member(serializer, inner, value[name], name, member, text_name)
        elif needs_moto or not (has_only_usual_names or others.isdisjoint(value)):
            serializer._serialize_structure_member(inner, value, member, name)
    if key:
        serializer._default_serialize(serialized, inner, shape, key)


def _serialize_member(
    serializer: Any, inner: dict[str, Any], value: Any, name: str, member: Shape, text_name: str | None
) -> None:
    if text_name is not None and type(value) is str:
        inner[text_name] = value
    elif value is not None:
        serializer._serialize(inner, value, member, name)


@cache
def _members(shape: StructureShape) -> tuple[Members, frozenset[str]]:
    """For each member: name, shape, its name in the answer if it is text, its other names, whether it needs moto."""
    names = frozenset(shape.members)
    return tuple(_member(shape, name, member, names) for name, member in shape.members.items()), names


def _member(shape: Any, name: str, member: Any, names: frozenset[str]) -> Any:
    member.parent = shape
    others = set(XFormedAttributePicker().get_possible_keys(AttributePickerContext({}, name, member))) - {name}
    # A name with a dot is a path, and a name such as `items` would find the dictionary's own method.
    needs_moto = bool(others & names) or any("." in other or hasattr(dict, other) for other in {*others, name})
    text_name = member.serialization.get("name", name) if member.type_name == "string" else None
    return name, member, text_name, frozenset(others), needs_moto


_urls_by_moto: Any = BaseBackend.urls


def _urls(backend: BaseBackend) -> Any:
    has_usual_urls = type(backend).url_bases is BaseBackend.url_bases
    kind: Any = type(backend)
    return _urls_of(kind) if has_usual_urls else _urls_by_moto.fget(backend)


@cache
def _urls_of(kind: type[BaseBackend]) -> Any:
    return _urls_by_moto.fget(kind.__new__(kind))


def _make_model(kind: type[BaseModel], *_: Any, **__: Any) -> Any:
    """Create an object without moto's list of all objects ever made, which a page of moto's server shows."""
    return object.__new__(kind)


_read_by_botocore: Any = getattr(BaseJSONParser, "_handle_structure")  # noqa: B009 - its stub lacks it


def _read_structure(parser: BaseJSONParser, shape: StructureShape, value: Any) -> Any:
    """Return an attribute's value as JSON has it. botocore would convert it to the same, level by level."""
    is_plain_value = shape.name == "AttributeValue" and _is_plain(value)
    return value if is_plain_value else _read_by_botocore(parser, shape, value)


def _is_plain(value: Any) -> bool:
    """Whether an attribute's value, as JSON has it, has no bytes and only DynamoDB's types."""
    if type(value) is not dict or len(value) != 1:
        return False
    [(kind, inner)] = value.items()
    if kind == "L":
        return all(map(_is_plain, inner))
    if kind == "M":
        return all(map(_is_plain, inner.values()))
    return kind in _PLAIN and inner is not None


# Expressions


_make_by_moto: Any = UpdateExpressionParser.make
_lex_by_moto = ConditionExpressionParser._lex_condition_expression
_parse_by_moto = ConditionExpressionParser.parse


def _lex_condition(parser: ConditionExpressionParser) -> deque[Any]:
    return deque(_lex_once(parser.condition_expression))


@lru_cache(_MAX_EXPRESSIONS)
def _lex_once(expression: str) -> tuple[Any, ...]:
    return tuple(_lex_by_moto(ConditionExpressionParser(expression, None, None)))


def _parse_condition(parser: ConditionExpressionParser) -> Any:
    """Parse each expression once, and put the values of each call into its tree."""
    names, values = parser.expression_attribute_names, parser.expression_attribute_values or {}
    sorted_names = None if names is None else tuple(sorted(names.items()))
    parsed = _condition(parser.condition_expression, sorted_names) if parser.condition_expression else None
    if parsed is None or not values.keys() >= {*parsed.expr_attr_values_found}:
        return _parse_by_moto(parser)
    parser.expr_attr_names_found.extend(parsed.expr_attr_names_found)
    parser.expr_attr_values_found.extend(parsed.expr_attr_values_found)
    return _WithValues(None, None, values)._make_op_condition(parsed.tree)


@lru_cache(_MAX_EXPRESSIONS)
def _condition(expression: str, names: tuple[tuple[str, str], ...] | None) -> Any:
    """The parser with its tree; None if moto refuses the expression."""
    parser = _TreeOnly(expression, None if names is None else dict(names), None)
    try:
        parser.tree = _parse_by_moto(parser)
    except Exception:  # noqa: BLE001 - moto raises it again, with its reason
        return None
    return parser


class _TreeOnly(ConditionExpressionParser):
    """Parses an expression to a tree, without values and without building conditions."""

    tree: Any

    def _lookup_expression_attribute_value(self, name: str) -> Any:
        return name

    def _make_op_condition(self, node: Any) -> Any:
        return node


class _WithValues(ConditionExpressionParser):
    """Builds the conditions of a tree that has the names of values in place of the values."""

    def _make_operand(self, node: Any) -> Any:
        if node.kind == self.Kind.EXPRESSION_ATTRIBUTE_VALUE:
            return AttributeValue(self._lookup_expression_attribute_value(node.text))
        return super()._make_operand(node)


def _make(_: type[UpdateExpressionParser], expression: str) -> Any:
    """The same tree for all callers. moto copies a tree before it changes it."""
    return _tree_of(expression)


@lru_cache(_MAX_EXPRESSIONS)
def _tree_of(expression: str) -> Any:
    tree = _make_by_moto.__func__(UpdateExpressionParser, expression)
    tree.text = expression
    tree.plan = simple_updates.plan(tree)
    return tree


def _copy(original: Any) -> Any:
    """A deep copy. It is fast for a whole tree."""
    is_whole_tree = isinstance(original, Node) and original.parent is None and _is_tree(original)
    return _copy_tree(original) if is_whole_tree else copy.deepcopy(original)


def _is_tree(node: Node) -> bool:
    return all(child.parent is node and _is_tree(child) for child in node.children or [] if isinstance(child, Node))


def _copy_tree(node: Any) -> Any:
    duplicate = object.__new__(type(node))
    vars(duplicate).update(vars(node))
    if node.children is not None:
        duplicate.children = [_copy_child(child, duplicate) for child in node.children]
    return duplicate


def _copy_child(child: Any, parent: Any) -> Any:
    if not isinstance(child, Node):
        return copy.deepcopy(child)
    duplicate = _copy_tree(child)
    duplicate.parent = parent
    return duplicate


_no_processing = DepthFirstTraverser.pre_processing_of_child


def _traverse(traverser: Any, root: Any) -> Any:
    """Traverse as moto does, but look up each node's kind once, and skip the hook before a child if it is empty."""
    kinds = tuple(traverser._processing_map())
    before = None
    if type(traverser).pre_processing_of_child is not _no_processing:
        before = traverser.pre_processing_of_child
    return _traverse_node(root, -1, traverser.process, kinds, before)


def _traverse_node(node: Any, place: int, process: Callable[[Any], Any], kinds: Any, before: Any) -> Any:
    if not _is_subclass(type(node), Node):
        return node
    parent = node.parent
    for number, child in enumerate(node.children or ()):
        if before:
            before(node, number)
        _traverse_node(child, number, process, kinds, before)
    if _is_subclass(type(node), kinds):
        node = process(node)
        node.parent = parent
        if parent:
            parent.children[place] = node
    return node


_is_subclass: Callable[[type, Any], bool] = cache(issubclass)


def _check_once(validator: Any, root: Any) -> Any:
    """Run a validator once for each expression and its names. These two validators depend on nothing else."""
    names = vars(validator).get("expression_attribute_names", {})
    if names is None or not hasattr(root, "text"):
        return _traverse(validator, root)
    kind: Any = type(validator)
    _check(kind, root.text, tuple(sorted(names.items())))
    return root


@lru_cache(_MAX_EXPRESSIONS)
def _check(kind: type[DepthFirstTraverser], expression: str, names: tuple[tuple[str, str], ...]) -> None:
    validator = kind(dict(names)) if kind is OverlappingPathsValidator else kind()
    _traverse(validator, _tree_of(expression))


# Items


def _copy_value(value: DynamoType, memo: dict[int, Any]) -> DynamoType:
    if id(value) in memo:
        known: DynamoType = memo[id(value)]
        return known
    duplicate = memo[id(value)] = DynamoType.__new__(type(value))
    duplicate.type, inner = value.type, value.value
    if duplicate.is_list():
        inner = [_copy_inner(one, memo) for one in inner]
    elif duplicate.is_map():
        inner = {name: _copy_inner(one, memo) for name, one in inner.items()}
    elif duplicate.is_set():
        inner = list(inner)
    duplicate.value = inner
    return duplicate


def _copy_inner(one: Any, memo: dict[int, Any]) -> Any:
    return _copy_value(one, memo) if isinstance(one, DynamoType) else copy.deepcopy(one, memo)


def _begin_item(item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    """Initialize an item and compute its size once. moto computes it again for each attribute."""
    item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
    for name, raw in attrs.items():
        dict.__setitem__(item.attrs, name, DynamoType(raw))
    if sum(dynamo_type.bytesize(name) + value.size() for name, value in item.attrs.items()) > MAX_ITEM_BYTES:
        raise ItemSizeTooLarge


def _project(item: Item, paths: list[list[str]]) -> Item:
    """Deserialize only the requested attributes. moto deserializes the whole item for each of them."""
    regular: dict[str, Any] = {}
    for path in paths:
        merge_dicts(regular, find_nested_key(path, _deserialize_attribute(item, path[0].partition("[")[0])))
    attributes: Any = dynamo_type.serializer.serialize(regular)["M"]
    return Item(hash_key=item.hash_key, range_key=item.range_key, attrs=attributes)


def _deserialize_attribute(item: Item, name: str) -> dict[str, Any]:
    value = item.attrs.get(name)
    return {} if value is None else {name: dynamo_type.deserializer.deserialize(value.to_regular_json())}

"""moto's answers, sooner: the same words by a shorter way. What moto does again for each call is done once.

Each function here stands in for one of moto's and answers as it does; where its short way does not apply, it takes
moto's own. Two thirds of the time of a call go into reading the expressions, which are few, and into looking for each
member of an answer under five names. It is one file, because the functions replace moto's all together or not at all.
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
from infra.local.moto.sorted_indexes import LARGEST_ITEM

_MOST_EXPRESSIONS = 4_096
_PLAIN = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})
"""What JSON says in the same way as botocore."""


@contextmanager
def taken() -> Iterator[None]:
    """Until the end, moto goes the short ways."""
    with ExitStack() as all_of_them:
        for place, name, short in _ways():
            all_of_them.enter_context(patch.object(place, name, short))
        yield


def _ways() -> list[tuple[Any, str, Any]]:
    return [
        # The patterns by which `requests` would be answered: 1,300 of them at each start, and nobody here uses it.
        (moto.core.models, "RESPONSES_METHODS", []),
        (moto.core.responses, "method_names_from_class", cache(method_names_from_class)),
        (BaseBackend, "urls", property(_urls)),
        (BaseModel, "__new__", _make_model),
        (JSONSerializer, "_serialize_type_structure", _serialize_structure),
        (BaseJSONParser, "_handle_structure", _read_structure),
        (ConditionExpressionParser, "_lex_condition_expression", _lex_condition),
        (ConditionExpressionParser, "parse", _parse_condition),
        (UpdateExpressionParser, "make", classmethod(_make)),
        (validators, "deepcopy", _copied),
        (DepthFirstTraverser, "traverse", _traverse),
        (ActionCountValidator, "traverse", _checked),
        (OverlappingPathsValidator, "traverse", _checked),
        (DynamoType, "__deepcopy__", _copied_value),
        (Item, "__init__", _begin_item),
        (Item, "project", _project),
        *simple_updates.ways(),
        *queries.ways(),
        *queue_messages.ways(),
        *direct_calls.ways(),
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
    known = value.keys() <= names
    for name, member, text_name, others, odd in members:
        if name in value:
            _serialize_member(serializer, inner, value[name], name, member, text_name)
        elif odd or not (known or others.isdisjoint(value)):
            serializer._serialize_structure_member(inner, value, member, name)
    if key:
        serializer._default_serialize(serialized, inner, shape, key)


def _serialize_member(
    serializer: Any, inner: dict[str, Any], found: Any, name: str, member: Shape, text_name: str | None
) -> None:
    if text_name is not None and type(found) is str:
        inner[text_name] = found
    elif found is not None:
        serializer._serialize(inner, found, member, name)


@cache
def _members(shape: StructureShape) -> tuple[Members, frozenset[str]]:
    """Of each member: name, shape, its name in the answer if it is text, its other names, whether only moto knows."""
    names = frozenset(shape.members)
    return tuple(_member(shape, name, member, names) for name, member in shape.members.items()), names


def _member(shape: Any, name: str, member: Any, names: frozenset[str]) -> Any:
    member.parent = shape
    others = set(XFormedAttributePicker().get_possible_keys(AttributePickerContext({}, name, member))) - {name}
    # A dotted name is a path, and a name such as `items` finds the method of the dictionary itself.
    odd = bool(others & names) or any("." in other or hasattr(dict, other) for other in {*others, name})
    text_name = member.serialization.get("name", name) if member.type_name == "string" else None
    return name, member, text_name, frozenset(others), odd


_urls_by_moto: Any = BaseBackend.urls


def _urls(backend: BaseBackend) -> Any:
    usual = type(backend).url_bases is BaseBackend.url_bases
    kind: Any = type(backend)
    return _urls_of(kind) if usual else _urls_by_moto.fget(backend)


@cache
def _urls_of(kind: type[BaseBackend]) -> Any:
    return _urls_by_moto.fget(kind.__new__(kind))


def _make_model(kind: type[BaseModel], *_: Any, **__: Any) -> Any:
    """moto keeps each item, record and message that it ever made, copies too, for a page that nobody opens here."""
    return object.__new__(kind)


_read_by_botocore: Any = getattr(BaseJSONParser, "_handle_structure")  # noqa: B009 - its stub lacks it


def _read_structure(parser: BaseJSONParser, shape: StructureShape, value: Any) -> Any:
    """botocore reads an attribute's value level by level, to end with what JSON has given already; bytes excepted."""
    as_it_is = shape.name == "AttributeValue" and _is_plain(value)
    return value if as_it_is else _read_by_botocore(parser, shape, value)


def _is_plain(value: Any) -> bool:
    """Whether an attribute's value, as JSON has it, holds no bytes, and nothing that is not of DynamoDB."""
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
    return deque(_lexed(parser.condition_expression))


@lru_cache(_MOST_EXPRESSIONS)
def _lexed(expression: str) -> tuple[Any, ...]:
    return tuple(_lex_by_moto(ConditionExpressionParser(expression, None, None)))


def _parse_condition(parser: ConditionExpressionParser) -> Any:
    """The tree of a text is made once; the values that it compares with are put into it for each call."""
    names, values = parser.expression_attribute_names, parser.expression_attribute_values or {}
    given = None if names is None else tuple(sorted(names.items()))
    parsed = _condition(parser.condition_expression, given) if parser.condition_expression else None
    if parsed is None or not values.keys() >= {*parsed.expr_attr_values_found}:
        return _parse_by_moto(parser)
    parser.expr_attr_names_found.extend(parsed.expr_attr_names_found)
    parser.expr_attr_values_found.extend(parsed.expr_attr_values_found)
    return _WithValues(None, None, values)._make_op_condition(parsed.tree)


@lru_cache(_MOST_EXPRESSIONS)
def _condition(expression: str, names: tuple[tuple[str, str], ...] | None) -> Any:
    """The parser with its tree; None if moto refuses it, and says why."""
    parser = _TreeOnly(expression, None if names is None else dict(names), None)
    try:
        parser.tree = _parse_by_moto(parser)
    except Exception:  # noqa: BLE001 - moto knows which
        return None
    return parser


class _TreeOnly(ConditionExpressionParser):
    """Without values, and without the conditions that would be made of its tree."""

    tree: Any

    def _lookup_expression_attribute_value(self, name: str) -> Any:
        return name

    def _make_op_condition(self, node: Any) -> Any:
        return node


class _WithValues(ConditionExpressionParser):
    """Makes conditions of a tree that has the names of values where the values belong."""

    def _make_operand(self, node: Any) -> Any:
        if node.kind == self.Kind.EXPRESSION_ATTRIBUTE_VALUE:
            return AttributeValue(self._lookup_expression_attribute_value(node.text))
        return super()._make_operand(node)


def _make(_: type[UpdateExpressionParser], expression: str) -> Any:
    """One tree for all, since whoever changes one makes a copy first."""
    return _made(expression)


@lru_cache(_MOST_EXPRESSIONS)
def _made(expression: str) -> Any:
    made = _make_by_moto.__func__(UpdateExpressionParser, expression)
    made.text = expression
    made.plan = simple_updates.plan(made)
    return made


def _copied(given: Any) -> Any:
    """A copy in depth; quickly, of a whole tree."""
    whole = isinstance(given, Node) and given.parent is None and _is_tree(given)
    return _copied_tree(given) if whole else copy.deepcopy(given)


def _is_tree(node: Node) -> bool:
    return all(child.parent is node and _is_tree(child) for child in node.children or [] if isinstance(child, Node))


def _copied_tree(node: Any) -> Any:
    made = object.__new__(type(node))
    vars(made).update(vars(node))
    if node.children is not None:
        made.children = [_copied_child(child, made) for child in node.children]
    return made


def _copied_child(child: Any, parent: Any) -> Any:
    if not isinstance(child, Node):
        return copy.deepcopy(child)
    made = _copied_tree(child)
    made.parent = parent
    return made


_does_nothing = DepthFirstTraverser.pre_processing_of_child


def _traverse(traverser: Any, root: Any) -> Any:
    """As moto's, asking each node's kind once, and nobody what is to be done before a child when nothing is."""
    kinds = tuple(traverser._processing_map())
    before = None
    if type(traverser).pre_processing_of_child is not _does_nothing:
        before = traverser.pre_processing_of_child
    return _traversed(root, -1, traverser.process, kinds, before)


def _traversed(node: Any, place: int, process: Callable[[Any], Any], kinds: Any, before: Any) -> Any:
    if not _is(type(node), Node):
        return node
    parent = node.parent
    for number, child in enumerate(node.children or ()):
        if before:
            before(node, number)
        _traversed(child, number, process, kinds, before)
    if _is(type(node), kinds):
        node = process(node)
        node.parent = parent
        if parent:
            parent.children[place] = node
    return node


_is: Callable[[type, Any], bool] = cache(issubclass)


def _checked(validator: Any, root: Any) -> Any:
    """What the text and the names alone decide is decided once; these two validators change nothing."""
    names = vars(validator).get("expression_attribute_names", {})
    if names is None or not hasattr(root, "text"):
        return _traverse(validator, root)
    kind: Any = type(validator)
    _check(kind, root.text, tuple(sorted(names.items())))
    return root


@lru_cache(_MOST_EXPRESSIONS)
def _check(kind: type[DepthFirstTraverser], expression: str, names: tuple[tuple[str, str], ...]) -> None:
    validator = kind(dict(names)) if kind is OverlappingPathsValidator else kind()
    _traverse(validator, _made(expression))


# Items


def _copied_value(value: DynamoType, memo: dict[int, Any]) -> DynamoType:
    if id(value) in memo:
        copied: DynamoType = memo[id(value)]
        return copied
    made = memo[id(value)] = DynamoType.__new__(type(value))
    made.type, inner = value.type, value.value
    if made.is_list():
        inner = [_copied_inner(one, memo) for one in inner]
    elif made.is_map():
        inner = {name: _copied_inner(one, memo) for name, one in inner.items()}
    elif made.is_set():
        inner = list(inner)
    made.value = inner
    return made


def _copied_inner(one: Any, memo: dict[int, Any]) -> Any:
    return _copied_value(one, memo) if isinstance(one, DynamoType) else copy.deepcopy(one, memo)


def _begin_item(item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    """The item's size is counted once, not once more for each attribute."""
    item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
    for name, given in attrs.items():
        dict.__setitem__(item.attrs, name, DynamoType(given))
    if sum(dynamo_type.bytesize(name) + value.size() for name, value in item.attrs.items()) > LARGEST_ITEM:
        raise ItemSizeTooLarge


def _project(item: Item, wanted: list[list[str]]) -> Item:
    """Of the item only what is asked for is unwrapped, not the whole of it once for each attribute."""
    found: dict[str, Any] = {}
    for path in wanted:
        merge_dicts(found, find_nested_key(path, _unwrapped(item, path[0].partition("[")[0])))
    attributes: Any = dynamo_type.serializer.serialize(found)["M"]
    return Item(hash_key=item.hash_key, range_key=item.range_key, attrs=attributes)


def _unwrapped(item: Item, name: str) -> dict[str, Any]:
    there = item.attrs.get(name)
    return {} if there is None else {name: dynamo_type.deserializer.deserialize(there.to_regular_json())}

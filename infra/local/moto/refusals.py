"""Refuse what DynamoDB refuses and moto accepts, so that no test passes with a call that AWS would refuse."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.dynamodb import responses
from moto.dynamodb.exceptions import MockValidationException

_parse_by_moto = responses.parse_expression


@contextmanager
def refusing_more() -> Iterator[None]:
    """Let moto refuse this as well, until the end of the block."""
    with patch.object(responses, "parse_expression", _parse):
        yield


def _parse(*arguments: Any, **named: Any) -> Any:
    """Parse a condition on keys. Raises moto's validation error for a range that ends before it begins."""
    parsed = _parse_by_moto(*arguments, **named)
    for _, comparison, values in parsed[1]:
        if comparison == "BETWEEN" and _value(values[0]) > _value(values[1]):
            raise MockValidationException(
                "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal "
                f"to lower bound; lower bound operand: AttributeValue: {_text(values[0])}, "
                f"upper bound operand: AttributeValue: {_text(values[1])}"
            )
    return parsed


def _value(operand: dict[str, Any]) -> Any:
    [(kind, text)] = operand.items()
    return float(text) if kind == "N" else text


def _text(operand: dict[str, Any]) -> str:
    [(kind, text)] = operand.items()
    return f"{{{kind}:{text}}}"

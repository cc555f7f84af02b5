"""What DynamoDB refuses and moto takes: here it is refused too, so that no test passes on what AWS would not do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.dynamodb import responses
from moto.dynamodb.exceptions import MockValidationException

_parsed_by_moto = responses.parse_expression


@contextmanager
def added() -> Iterator[None]:
    """Until the end, moto refuses this as well."""
    with patch.object(responses, "parse_expression", _parsed):
        yield


def _parsed(*given: Any, **named: Any) -> Any:
    """A condition on keys, whose ranges must not end before they begin."""
    found = _parsed_by_moto(*given, **named)
    for _, comparison, values in found[1]:
        if comparison == "BETWEEN" and _value(values[0]) > _value(values[1]):
            raise MockValidationException(
                "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal "
                f"to lower bound; lower bound operand: AttributeValue: {_text(values[0])}, "
                f"upper bound operand: AttributeValue: {_text(values[1])}"
            )
    return found


def _value(operand: dict[str, Any]) -> Any:
    [(kind, text)] = operand.items()
    return float(text) if kind == "N" else text


def _text(operand: dict[str, Any]) -> str:
    [(kind, text)] = operand.items()
    return f"{{{kind}:{text}}}"

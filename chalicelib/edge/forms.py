"""Bodies that are forms: their fields by name, from `application/x-www-form-urlencoded` and `multipart/form-data`.

Which of the two an endpoint reads, its model says: a FormSchema or a MultipartSchema.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from chalicelib.errors import InvalidRequest

_NAME = re.compile(r"[\w.\[\]-]{1,60}")
MOST_FIELDS = 100
"""In one form. More are refused before any of them is kept."""


def form_fields(body: bytes, content_type: str) -> Mapping[str, str]:  # noqa: ARG001 - only multipart says more there
    """The fields of an urlencoded form. Raises InvalidRequest for what is none, and for a field given twice."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise InvalidRequest("The form is not UTF-8") from None
    except ValueError:
        raise InvalidRequest(f"The form has more than {MOST_FIELDS} fields") from None
    return by_name(pairs)


def by_name(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The fields, each of which may be there once. Raises InvalidRequest that names those which are not."""
    found = list(pairs)
    repeated = [name for name, times in Counter(name for name, _ in found).items() if times > 1]
    if repeated:
        names, what = [named(name) for name in repeated], "is given more than once"
        raise InvalidRequest(f"{names[0]} {what}", fields=dict.fromkeys(names, what))
    return dict(found)


def named(name: str) -> str:
    """A field's name, if it looks like one: what was sent as a form without being one may hold anything."""
    return name if _NAME.fullmatch(name) else "A field"

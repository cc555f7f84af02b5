"""Bodies that are forms: their fields by name, from `application/x-www-form-urlencoded` and `multipart/form-data`.

The model says which of the two an endpoint reads: a FormSchema or a MultipartSchema.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from chalicelib.errors import InvalidRequest

_NAME = re.compile(r"[\w.\[\]-]{1,60}")
MAX_FIELDS = 100
"""In one form. A form with more is refused before any field is stored."""


def form_fields(body: bytes, content_type: str) -> Mapping[str, str]:  # noqa: ARG001 - only multipart says more there
    """The fields of an urlencoded form. Raises InvalidRequest for another text, and for a field given twice."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise InvalidRequest("The form is not UTF-8") from None
    except ValueError:
        raise InvalidRequest(f"The form has more than {MAX_FIELDS} fields") from None
    return require_unique(pairs)


def require_unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The fields by name. Raises InvalidRequest that names the fields that are given more than once."""
    fields = list(pairs)
    repeated = [name for name, times in Counter(name for name, _ in fields).items() if times > 1]
    if repeated:
        names, what = [shown_name(name) for name in repeated], "is given more than once"
        raise InvalidRequest(f"{names[0]} {what}", fields=dict.fromkeys(names, what))
    return dict(fields)


def shown_name(name: str) -> str:
    """A field's name, if it looks like one, for errors: a body that is no form can hold anything."""
    return name if _NAME.fullmatch(name) else "A field"

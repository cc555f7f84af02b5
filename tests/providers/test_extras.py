"""The state of an extra, and the error for callers who need a missing one."""

from collections.abc import Iterator

import pytest

from chalicelib.errors import NotConfigured, Unavailable
from chalicelib.providers import extras
from chalicelib.providers.extras import EXTRAS, Extra, ExtraState, Imports


class Fixed:
    """A source with one state for every extra."""

    def __init__(self, state: ExtraState) -> None:
        self._state = state

    def state(self, extra: Extra) -> ExtraState:
        return self._state


@pytest.fixture(autouse=True)
def source() -> Iterator[None]:
    before = extras.use(Imports())
    yield
    extras.use(before)


def test_without_an_installer_an_extra_is_there_or_missing() -> None:
    assert Imports().state(Extra("some", ("json", "email.message"))) == ExtraState("ready")
    assert Imports().state(Extra("some", ("json", "no_such_module_anywhere"))) == ExtraState("missing")


def test_the_source_that_is_used_is_asked() -> None:
    before = extras.use(Fixed(ExtraState("failed", "no network")))
    assert extras.get_state("model") == ExtraState("failed", "no network")
    assert isinstance(before, Imports)


def test_a_ready_extra_is_no_error() -> None:
    extras.use(Fixed(ExtraState("ready")))
    extras.require("model")


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (ExtraState("installing"), Unavailable, "are being installed: try again in a few seconds"),
        (ExtraState("missing"), NotConfigured, "are not installed."),
        (ExtraState("off"), NotConfigured, "are switched off."),
        (ExtraState("failed", "no network"), NotConfigured, "their installation failed: no network."),
    ],
)
def test_an_extra_that_is_not_ready_is_an_error_that_says_why(
    state: ExtraState, error: type[Exception], words: str
) -> None:
    extras.use(Fixed(state))
    with pytest.raises(error, match=words) as raised:
        extras.require("model")
    assert type(raised.value) is error
    assert "'model'" in str(raised.value)


def test_each_extra_is_filed_under_its_name() -> None:
    assert [extra.name for extra in EXTRAS.values()] == list(EXTRAS)

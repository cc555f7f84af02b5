"""The meaning of providers' statuses and reasons."""

import pytest

from chalicelib.domain.models.chat import (
    MAX_WORDS,
    ChatRequest,
    CredentialRefused,
    Message,
    ModelFailure,
    ProviderBusy,
    ProviderFailed,
    RequestRefused,
    failure_of_status,
    reason_of,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(status, CredentialRefused) for status in (401, 402, 403)],
        *[(status, ProviderBusy) for status in (429, 503, 529)],
        *[(status, ProviderFailed) for status in (408, 409, 425, 500, 502, 504, 599)],
        *[(status, RequestRefused) for status in (302, 400, 404, 413, 422, 424)],
    ],
)
def test_every_status_is_a_failure_of_one_kind(status: int, kind: type[ModelFailure]) -> None:
    failure = failure_of_status(status, "words")
    assert type(failure) is kind
    assert failure.is_retryable is (kind in (ProviderBusy, ProviderFailed))
    assert (failure.status, str(failure)) == (status, "words")


def test_a_failure_says_something_and_not_too_much() -> None:
    assert str(failure_of_status(500, "")) == "HTTP 500"
    assert len(str(failure_of_status(500, "x" * 10_000))) == MAX_WORDS


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("length", "length"),
        ("refusal", "filtered"),
        ("tool_use", "tool"),
        ("something new", "other"),
        (None, "other"),
        (["stop"], "other"),
    ],
)
def test_reasons_of_all_providers_are_translated(word: object, reason: str) -> None:
    assert reason_of(word) == reason


def test_system_messages_can_be_taken_apart() -> None:
    messages = (Message("system", "a"), Message("user", "b"), Message("system", "c"))
    request = ChatRequest(model="m", messages=messages, max_tokens=1)
    assert (request.system, request.dialogue) == ("a\n\nc", [Message("user", "b")])

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.tasks import push_responses, reported_failure
from chalicelib.domain.tasks.push_responses import (
    DEFAULT_REST_MS,
    MAX_REST_MS,
    MIN_REST_MS,
    Accepted,
    Busy,
    Done,
    Unreached,
    Verdict,
)
from chalicelib.domain.tasks.transitions import Failure, Reason

NOW = 1_792_567_680_000  # 2026-10-21T07:28:00Z


def judge(body: Any, status: int = 200) -> Verdict:
    return push_responses.judge_response(status, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"accepted": True}, Accepted()),
        ({"accepted": True, "status": "COMPLETED", "result": 1}, Done(1)),
        ({"status": "completed", "result": {"a": 1}}, Done({"a": 1})),
        ({"status": "COMPLETED"}, Done(None)),
        ({"status": "PROCESSING"}, Accepted()),
        ({"status": "PROCESSING", "progress": 40}, Accepted(40)),
        ({"status": "PROCESSING", "progress": 101}, Accepted()),
        ({"status": "PROCESSING", "progress": True}, Accepted()),
        ({"accepted": False}, Done({"accepted": False})),
        ({"accepted": "yes"}, Done({"accepted": "yes"})),
        ({"status": "sunny"}, Done({"status": "sunny"})),
        ({"text": "hello"}, Done({"text": "hello"})),
        ([1, 2], Done([1, 2])),
        ("text", Done("text")),
        (0, Done(0)),
        (None, Done(None)),
    ],
)
def test_what_a_body_with_200_means(body: Any, verdict: Verdict) -> None:
    assert judge(body) == verdict


def judge_failure(**fields: Any) -> Failure:
    found = judge({"status": "FAILED"} | fields)
    assert isinstance(found, Failure)
    return found


def test_a_reported_failure_keeps_the_worker_s_own_words() -> None:
    assert judge_failure(error="no GPU") == Failure(Reason.WORKER_FAILED, "no GPU", is_reported=True)
    assert judge_failure(error={"message": "no GPU", "unit": 3}).details == {"message": "no GPU", "unit": 3}
    assert judge_failure(error={"message": "no GPU"}).message == "no GPU"
    assert judge_failure().message == judge_failure(error=7).message == "The worker reported a failure"


def test_a_long_message_is_cut_and_large_details_are_left_out() -> None:
    assert judge_failure(error="x" * 10_000).message == "x" * reported_failure.MAX_MESSAGE_CHARS
    large = judge_failure(error={"message": "m", "log": "x" * reported_failure.MAX_DETAILS_CHARS})
    assert (large.message, large.details) == ("m", None)


@pytest.mark.parametrize(("value", "retryable"), [(False, False), (True, True), (None, True), ("no", True), (0, True)])
def test_a_failure_is_retryable_unless_it_says_false(value: Any, retryable: bool) -> None:
    assert judge_failure(retryable=value).retryable is retryable


@pytest.mark.parametrize(
    ("value", "after"), [(2, 2_000), (0.5, 500), (0, 0), (-3, 0), ("2", None), (True, None), (1e12, None), (None, None)]
)
def test_a_failure_may_say_when_to_try_again(value: Any, after: int | None) -> None:
    assert judge_failure(retryAfter=value).retry_after_ms == after


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"<html>",
        b"NaN",
        b'{"a": Infinity}',
        b'"\\ud800"',
        b"[" * 9_999,
        b"1e400",
        b'{"a": [-1e999]}',
        b"1" * 5_000,
    ],
)
def test_a_body_that_is_not_json_is_a_failed_attempt(body: bytes) -> None:
    assert push_responses.judge_response(200, {}, body) == Failure(
        Reason.WORKER_FAILED, "The worker answered 200 with a body that is not JSON"
    )


@pytest.mark.parametrize(("body", "result"), [(b'{"a": 1}', {"a": 1}), (b"[]", []), (b'"\xef\xbb\xbf"', "\ufeff")])
def test_a_body_is_read_without_its_byte_order_mark(body: bytes, result: Any) -> None:
    assert (
        push_responses.judge_response(200, {}, b"\xef\xbb\xbf" + body)
        == push_responses.judge_response(200, {}, body)
        == Done(result)
    )


def test_numbers_that_can_be_kept_are() -> None:
    assert push_responses.judge_response(200, {}, b"1" + b"0" * 400) == Done(10**400)
    assert push_responses.judge_response(200, {}, b"[1e-400, 1.7e308]") == Done([0.0, 1.7e308])


@pytest.mark.parametrize("body", [b"", b"whatever", b'{"status": "FAILED"}'])
def test_202_is_accepted_whatever_the_body(body: bytes) -> None:
    assert push_responses.judge_response(202, {}, body) == Accepted()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "rest_ms"),
    [
        ("7", 7_000),
        (" 7 ", 7_000),
        ("0", MIN_REST_MS),
        ("999999", MAX_REST_MS),
        ("9" * 5_000, MAX_REST_MS),
        ("-1", DEFAULT_REST_MS),
        ("1.5", DEFAULT_REST_MS),
        ("²", DEFAULT_REST_MS),
        ("", DEFAULT_REST_MS),
        ("Wed, 21 Oct 2026 07:28:10 GMT", 10_000),
        ("Wednesday, 21-Oct-26 07:28:10 GMT", 10_000),
        ("Wed Oct 21 07:28:10 2026", 10_000),
        ("Wed, 21 Oct 2026 07:27:00 GMT", MIN_REST_MS),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_REST_MS),
    ],
)
def test_a_busy_worker_rests_for_its_retry_after_within_reason(status: int, value: str, rest_ms: int) -> None:
    assert push_responses.judge_response(status, {"retry-AFTER": value}, b"", NOW) == Busy(rest_ms)


def test_what_is_too_large_for_now_is_not_refused_for_good() -> None:
    assert push_responses.judge_response(413, {"Retry-After": "7"}, b"", NOW) == Busy(7_000)
    assert push_responses.judge_response(413, {"Retry-After": "Wed, 21 Oct 2026 07:27:00 GMT"}, b"", NOW) == Busy(
        MIN_REST_MS
    )
    for status, headers in ((413, {}), (413, {"Retry-After": "never"}), (400, {"Retry-After": "7"})):
        found = push_responses.judge_response(status, headers, b"", NOW)
        assert isinstance(found, Failure) and not found.retryable


def test_a_busy_worker_that_names_no_time_rests_for_the_default() -> None:
    assert push_responses.judge_response(503, {}, b"") == Busy(DEFAULT_REST_MS)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 499])
def test_another_4xx_refuses_the_task_for_good(status: int) -> None:
    verdict = push_responses.judge_response(status, {}, b"")
    assert isinstance(verdict, Failure)
    assert (verdict.reason, verdict.retryable) == (Reason.REJECTED, False)
    assert str(status) in verdict.message


@pytest.mark.parametrize("status", [100, 201, 204, 301, 302, 500, 502, 504, 599])
def test_anything_else_is_a_failed_attempt_that_may_be_tried_again(status: int) -> None:
    found = push_responses.judge_response(status, {}, b'{"status": "COMPLETED"}')
    assert found == Failure(Reason.WORKER_FAILED, f"The worker answered {status}")


def test_without_an_answer_it_matters_whether_the_request_may_have_arrived() -> None:
    cut_off = Failure(Reason.UNREACHABLE, "The worker gave no complete answer: timed out")
    assert push_responses.judge_no_answer("timed out", sent=True) == cut_off
    assert push_responses.judge_no_answer("refused", sent=False) == Unreached()


@given(status=st.integers(100, 599), body=st.binary(max_size=40), header=st.text(max_size=10))
def test_no_answer_whatever_is_beyond_judgement(status: int, body: bytes, header: str) -> None:
    assert isinstance(
        push_responses.judge_response(status, {"Retry-After": header}, body), Accepted | Done | Busy | Failure
    )

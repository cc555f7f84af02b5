"""Rate limits over HTTP."""

from tests.system.stack import Stack

DOCUMENTED = 50
"""The documented limit of tasks a minute."""


def test_a_caller_over_the_limit_gets_a_retry_after_and_a_larger_plan_has_a_higher_limit(yard: Stack) -> None:
    small = yard.caller("user", subject="eager", plan="standard", org="limits")
    answers = [small.post("/api/task", {"type": "t", "priority": 1}) for _ in range(DOCUMENTED + 10)]
    refused = next(answer for answer in answers if not answer.ok)
    assert answers.index(refused) >= DOCUMENTED
    assert (refused.status_code, refused.headers["X-RateLimit-Limit"]) == (429, str(DOCUMENTED))
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert set(refused.json()) == {"error", "details"}
    bigger = yard.caller("user", subject="eager", plan="pro", org="limits").post(
        "/api/task", {"type": "t", "priority": 1}
    )
    assert (bigger.status_code, bigger.headers["X-RateLimit-Limit"]) == (201, str(10 * DOCUMENTED))

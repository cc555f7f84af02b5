"""Rate limits, as a client meets them."""

from tests.system.stack import Stack

DOCUMENTED = 50
"""Tasks a minute."""


def test_who_asks_too_often_is_told_when_to_come_back_and_a_bigger_plan_may_more(yard: Stack) -> None:
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

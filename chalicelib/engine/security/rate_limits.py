"""Rate limits: the generic cell rate algorithm (GCRA), in one conditional update a request.

A limiter stores one instant for each key, the theoretical arrival time: when the bucket will be empty again. A request
moves it on by one interval, and is refused when the instant would then be further ahead than a full bucket. So exactly
`burst` requests pass at once (`count`, where no burst is named), and one more every `window / count` after that, under
any concurrency.

A stored time further ahead than a full bucket comes from a clock that was ahead, or was set back since. It is set to a
full bucket, so that no caller is refused for longer than a bucket takes to empty.
"""

from typing import NamedTuple, Protocol

from chalicelib import clock
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import TooManyRequests
from chalicelib.storage.access import table as access
from chalicelib.storage.aws.dynamodb import Write

_TICKS = 1000
"""Instants are kept in microseconds: some plans let pass more than one request in a millisecond."""
_SECOND = clock.SECOND * _TICKS
_SKEW = 5 * _SECOND
"""The clocks of two processes may differ by so much before a stored time is set back, which admits one request."""
_arrival_hints: TtlCache[str, int] = TtlCache(clock.DAY)
"""The arrival time last seen for each key: a hint which of the two conditional writes to try first."""


class Admission(NamedTuple):
    """The limiter's answer. `reset_at` is in epoch seconds, `retry_after` in whole seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after: int


PLANS = {"standard": 1, "pro": 10, "enterprise": 100}
"""Plan -> the factor of the documented limits; any other plan is standard."""


def plan_factor(plan: str) -> int:
    """The factor of the documented limits for a caller on this plan."""
    return PLANS.get(plan, 1)


class Caller(Protocol):
    """The fields of a caller that its limit depends on."""

    @property
    def org(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def plan(self) -> str: ...


class Limit(Protocol):
    """At most `count` requests in `seconds`."""

    @property
    def count(self) -> int: ...
    @property
    def seconds(self) -> int: ...


def admit_caller(api: str, caller: Caller, name: str, limit: Limit) -> Admission:
    """Count one request of a caller against the API's limit of that name; its plan multiplies the documented limit.

    Raises TooManyRequests as `count_org_request` does.
    """
    count_org_request(api, caller.org)
    key = f"{api}#{name}#{caller.org}#{caller.role}#{caller.subject}"
    return admit(key, limit.count * plan_factor(caller.plan), limit.seconds * clock.SECOND)


ORG_REQUESTS_PER_SECOND = 500
"""The share of one org, over all its callers: half of what the API's stage lets through."""
SAMPLE = 50
"""One request of so many is counted, on behalf of all of them: the others cost no call."""
_request_counts: TtlCache[tuple[str, str], int] = TtlCache(clock.DAY)
"""(API, org) -> the requests of this process, to sample them."""
_refused_orgs: TtlCache[tuple[str, str], bool] = TtlCache(clock.SECOND)


def count_org_request(api: str, org: str) -> None:
    """Count one request of an org against its share of the API. One call for each SAMPLE requests of a process.

    Raises TooManyRequests while the org uses more than its share: the stage would refuse other orgs' requests.
    """
    key = (api, org)
    if _refused_orgs.get(key):
        raise _share_used_up()
    requests = _request_counts.put(key, (_request_counts.get(key) or 0) + 1)
    if requests % SAMPLE:
        return
    samples = ORG_REQUESTS_PER_SECOND // SAMPLE
    if not admit(f"{api}#share#{org}", samples, clock.SECOND, 2 * samples).allowed:
        _refused_orgs.put(key, True)
        raise _share_used_up()


def _share_used_up() -> TooManyRequests:
    message = f"At most {ORG_REQUESTS_PER_SECOND} requests a second of one organization; try again in a second"
    return TooManyRequests(message, retry_after=1)


def admit(key: str, count: int, window_ms: int, burst: int | None = None) -> Admission:
    """Admit one request of `key`, or not: `count` in `window_ms`, of which `burst`, or all, may come at once.

    Each rate has its own bucket: a small plan's requests are measured in its long intervals, and a few of them would
    fill a larger plan's bucket. One call where this process saw the key lately, at most two otherwise.
    """
    now, window = clock.now() * _TICKS, window_ms * _TICKS
    interval = max(1, window // count)
    bucket = window if burst is None else burst * interval
    key = _bucket_key(key, count, window, burst)
    latest = now + bucket - interval
    seen = _arrival_hints.get(key) or 0
    for _ in range(4):
        moved, seen = _spend(key, seen > now, interval, now, latest)
        if not moved and seen > latest + interval + _SKEW:
            moved, seen = _clamp(key, interval, latest)
        if moved or seen > latest:
            return _remember_arrival(key, seen, _admission(moved, seen, now, count, bucket, interval))
    # Other processes counted requests between each read and write: a caller must not wait for another try.
    return _admission(False, latest + interval, now, count, bucket, interval)


def give_back_write(key: str, count: int, window_ms: int, burst: int | None = None) -> Write:
    """The write that takes back a request that `admit` admitted with the same arguments."""
    window = window_ms * _TICKS
    return access.give_back_write(f"limit#{_bucket_key(key, count, window, burst)}", max(1, window // count))


def _bucket_key(key: str, count: int, window: int, burst: int | None) -> str:
    return f"{key}#{count}/{window}" if burst is None else f"{key}#{count}/{window}/{burst}"


def _spend(key: str, busy: bool, interval: int, now: int, latest: int) -> tuple[bool, int]:
    tat = interval if busy else now + interval
    return access.spend(
        _item_id(key), tat, busy=busy, now=now, latest=latest, expires_at_s=_expires_at_s(interval, latest)
    )


def _clamp(key: str, interval: int, latest: int) -> tuple[bool, int]:
    """Set the time to a full bucket, and admit one request."""
    full = latest + interval
    return access.clamp(_item_id(key), full, beyond=full + _SKEW, expires_at_s=_expires_at_s(interval, latest))


def _item_id(key: str) -> str:
    return f"limit#{key}"


def _expires_at_s(interval: int, latest: int) -> int:
    """Epoch seconds from which the stored time has no meaning any more."""
    return (latest + 2 * interval) // _SECOND + 3600


def _admission(allowed: bool, tat: int, now: int, count: int, bucket: int, interval: int) -> Admission:
    wait = tat - (now + bucket - interval)
    return Admission(
        allowed=allowed,
        limit=count,
        remaining=max(0, (now + bucket - tat) // interval),
        reset_at=-(-tat // _SECOND),
        retry_after=0 if allowed else max(1, -(-wait // _SECOND)),
    )


def _remember_arrival(key: str, tat: int, admission: Admission) -> Admission:
    _arrival_hints.put(key, tat)
    return admission

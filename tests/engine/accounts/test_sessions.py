from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib import clock
from chalicelib.config import DEVELOPMENT_KEY_ID, DEVELOPMENT_SECRET
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.accounts.sessions import ACCESS_TTL_S, REFRESH_TTL_S, Tokens
from chalicelib.engine.documents import documents
from chalicelib.engine.oauth import clients
from chalicelib.engine.security import authentication, keyring, tokens
from chalicelib.errors import Forbidden, Unauthenticated
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from tests.engine.helpers import run_together
from tests.support import aws, people
from tests.support.people import PASSWORD
from tests.support.world import ORG, World, new_world

Abuse = Callable[[Tokens, Document], str]
CLIENT = clients.Registration("App", ("https://app.example/done",), ("tasks:read", "tasks:write"), False)


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world)


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def forge(token: str, secret: str = DEVELOPMENT_SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """Sign the token again with other claims. `...` removes a claim; `kid` and `typ` are headers."""
    header = {name: value for name, value in jwt.get_unverified_header(token).items() if name != "alg"}
    header |= {name: changes.pop(name) for name in ("kid", "typ") if name in changes}
    claims = {name: value for name, value in (claims_of(token) | changes).items() if value is not ...}
    return jwt.encode(claims, secret, algorithm=algorithm, headers=header)


NOW = 1_767_268_800
ACCESS_ABUSES: dict[str, Abuse] = {
    "a refresh token": lambda given, _: given.refresh_token,
    "a refresh token that says it is an access token": lambda given, _: forge(given.access_token, typ="refresh+jwt"),
    "an invitation": lambda _, ada: tokens.sign(tokens.INVITATION, {"sub": ada.id, "org": ORG, "role": "admin"}, 60),
    "a visit": lambda _, ada: tokens.sign("visit+jwt", {"sub": ada.id, "org": ORG, "role": "admin"}, 60),
    "alg none": lambda given, _: forge(given.access_token, "", "none"),
    "HS512": lambda given, _: forge(given.access_token, DEVELOPMENT_SECRET * 2, "HS512"),
    "another secret": lambda given, _: forge(given.access_token, "x" * 40),
    "an unknown kid": lambda given, _: forge(given.access_token, kid="other"),
    "another audience": lambda given, _: forge(given.access_token, aud="elsewhere"),
    "another issuer": lambda given, _: forge(given.access_token, iss="elsewhere"),
    "no expiry": lambda given, _: forge(given.access_token, exp=...),
    "expired": lambda given, _: forge(given.access_token, exp=NOW),
    "not valid yet": lambda given, _: forge(given.access_token, nbf=NOW + 1),
    "no subject": lambda given, _: forge(given.access_token, sub=...),
    "somebody else's subject": lambda given, _: forge(given.access_token, sub="user_eve"),
    "a subject with a separator": lambda given, _: forge(given.access_token, sub="user#a"),
    "another org": lambda given, _: forge(given.access_token, org="globex"),
    "no org": lambda given, _: forge(given.access_token, org=...),
    "another session": lambda given, _: forge(given.access_token, sid="session_other"),
    "an empty session": lambda given, _: forge(given.access_token, sid=""),
    "a session that is a number": lambda given, _: forge(given.access_token, sid=5),
    "a session of half a character": lambda given, _: forge(given.access_token, sid="\ud800"),
    "a session that is too long": lambda given, _: forge(given.access_token, sid="x" * 3_000),
    "an application of half a character": lambda given, _: forge(given.access_token, client_id="\ud800"),
    "an application that is too long": lambda given, _: forge(given.access_token, client_id="x" * 3_000),
    "a subject that is too long": lambda given, _: forge(given.access_token, sub="x" * 3_000),
    "a session that is null": lambda given, _: forge(given.access_token, sid=None),
    "no session, in a role that only people have": lambda given, _: forge(given.access_token, sid=...),
    "another application's": lambda given, _: forge(given.access_token, client_id="client_other"),
    "an application that is a number": lambda given, _: forge(given.access_token, client_id=7),
    "cut short": lambda given, _: given.access_token[:-2],
    "with a tail": lambda given, _: given.access_token + "x",
    "empty": lambda *_: "",
}
REFRESH_ABUSES: dict[str, Abuse] = {
    "an access token": lambda given, _: given.access_token,
    "an access token that says it is a refresh token": lambda given, _: forge(given.refresh_token, typ="at+jwt"),
    "typ JWT": lambda given, _: forge(given.refresh_token, typ="JWT"),
    "a world token": lambda *_: authentication.issue_token(authentication.Principal(ORG, "dev", "admin"), 60),
    "an invitation": lambda _, ada: tokens.sign(tokens.INVITATION, {"sub": ada.id, "org": ORG}, 60),
    "alg none": lambda given, _: forge(given.refresh_token, "", "none"),
    "another secret": lambda given, _: forge(given.refresh_token, "x" * 40),
    "an unknown kid": lambda given, _: forge(given.refresh_token, kid="other"),
    "another audience": lambda given, _: forge(given.refresh_token, aud="elsewhere"),
    "another issuer": lambda given, _: forge(given.refresh_token, iss="elsewhere"),
    "no expiry": lambda given, _: forge(given.refresh_token, exp=...),
    "expired": lambda given, _: forge(given.refresh_token, exp=NOW),
    "no generation": lambda given, _: forge(given.refresh_token, gen=...),
    "a generation that is text": lambda given, _: forge(given.refresh_token, gen="1"),
    "no session": lambda given, _: forge(given.refresh_token, sid=...),
    "a session that is no text": lambda given, _: forge(given.refresh_token, sid=["x"]),
    "a session of half a character": lambda given, _: forge(given.refresh_token, sid="\ud800"),
    "a session that is too long": lambda given, _: forge(given.refresh_token, sid="x" * 3_000),
    "a generation without end": lambda given, _: forge(given.refresh_token, gen=10**40),
    "a generation below zero": lambda given, _: forge(given.refresh_token, gen=-1),
    "a generation that is true": lambda given, _: forge(given.refresh_token, gen=True),
    "a session that never was": lambda given, _: forge(given.refresh_token, sid="session_other"),
    "an application's": lambda given, _: forge(given.refresh_token, client_id="client_x"),
    "garbage": lambda *_: "a.b.c",
}


def outcome(work: Callable[[], object]) -> str:
    try:
        work()
    except Unauthenticated as error:
        return error.message
    return "taken"


def test_no_access_token_but_the_session_s_own_is_accepted(world: World, ada: Document) -> None:
    tokens = sessions.open_session(ada)
    for cached in ("not remembered", "remembered"):
        ends = {
            abuse: outcome(lambda make=make: sessions.authenticate(make(tokens, ada)))
            for abuse, make in ACCESS_ABUSES.items()
        }
        assert ends == dict.fromkeys(ACCESS_ABUSES, "Invalid or expired token"), cached
        assert sessions.authenticate(tokens.access_token).subject == ada.id


def test_no_refresh_token_but_the_session_s_own_is_accepted(world: World, ada: Document) -> None:
    tokens = sessions.open_session(ada)
    ends = {abuse: outcome(lambda: sessions.refresh(make(tokens, ada))) for abuse, make in REFRESH_ABUSES.items()}  # noqa: B023
    assert [abuse for abuse, end in ends.items() if end == "taken"] == []
    assert sessions.refresh(tokens.refresh_token), "nothing of it has touched the session"


def test_the_other_apis_take_no_session_s_token(world: World) -> None:
    with pytest.raises(Unauthenticated):
        authentication.verify_token(sessions.open_session(people.admin(world)).access_token)


def test_a_session_is_who_its_user_is_for_an_hour(world: World, ada: Document) -> None:
    documents.merge(ORG, "user", ada.id, {"memberships": {"proj_x": ["tasks:write"]}})
    token = sessions.open_session(ada).access_token
    world.clock.advance(ACCESS_TTL_S - 1)
    principal = sessions.authenticate(token)
    assert (principal.org, principal.subject, principal.role, principal.plan) == (
        ORG,
        ada.id,
        "developer",
        "enterprise",
    )
    assert (principal.grants, principal.scope, principal.key) == ({"proj_x": {"tasks:write"}}, None, None)
    assert principal.session
    world.clock.advance(1)
    with pytest.raises(Unauthenticated):
        sessions.authenticate(token)


def test_an_operator_token_needs_no_session(world: World) -> None:
    found = sessions.authenticate(authentication.issue_token(authentication.Principal(ORG, "dev", "server", "pro"), 60))
    assert (found.subject, found.role, found.plan, found.session) == ("dev", "server", "pro", None)


def test_a_session_costs_one_call_and_then_none_for_half_a_minute(world: World, ada: Document) -> None:
    token = sessions.open_session(ada).access_token
    with aws.counting() as counted:
        sessions.authenticate(token), sessions.authenticate(token)
        assert counted.total() == 1
        world.clock.advance(30)
        sessions.authenticate(token)
    assert counted == {("DynamoDB", "BatchGetItem"): 2}


def is_refused(token: str) -> bool:
    try:
        sessions.authenticate(token)
    except Unauthenticated:
        return True
    return False


ENDS: dict[str, Callable[[Document, Tokens], object]] = {
    "logout": lambda _, given: dynamodb.commit(*session_end_writes(given)),
    "deletion": lambda ada, _: users.delete(ORG, ada.id, "user_admin"),
    "another password": lambda ada, _: users.change_password(ada, PASSWORD, "another one", "", None),
}


def session_end_writes(tokens: Tokens) -> list[Any]:
    from chalicelib.storage.access import sessions as storage

    return [storage.delete_write(claims_of(tokens.access_token)["sid"], None)]


@pytest.mark.parametrize("how", ENDS)
def test_whatever_ends_a_session_elsewhere_takes_effect_here_within_half_a_minute(
    world: World, ada: Document, how: str
) -> None:
    tokens = sessions.open_session(ada)
    assert not is_refused(tokens.access_token)
    ENDS[how](users.get(ORG, ada.id), tokens)
    world.clock.advance(30)
    assert is_refused(tokens.access_token)
    with pytest.raises(Unauthenticated):
        sessions.refresh(tokens.refresh_token)


def test_another_role_holds_within_half_a_minute_and_in_the_next_token(world: World, ada: Document) -> None:
    tokens = sessions.open_session(ada)
    assert sessions.authenticate(tokens.access_token).role == "developer"
    users.change(ORG, ada.id, {"role": "viewer", "plan": "free"}, "user_admin")
    world.clock.advance(30)
    principal = sessions.authenticate(tokens.access_token)
    assert (principal.role, principal.plan) == ("viewer", "free")
    claims = claims_of(sessions.refresh(tokens.refresh_token).access_token)
    assert (claims["role"], claims["plan"]) == ("viewer", "free")


def test_a_refresh_token_is_good_once_and_again_for_ten_seconds_with_the_very_same_answer(
    world: World, ada: Document
) -> None:
    first = sessions.open_session(ada)
    world.clock.advance(60)
    second = sessions.refresh(first.refresh_token)
    world.clock.advance(10)
    assert sessions.refresh(first.refresh_token).refresh_token == second.refresh_token
    assert second.refresh_token != first.refresh_token
    world.clock.advance(0.001)
    with pytest.raises(Unauthenticated):
        sessions.refresh(first.refresh_token)
    for gone in (first, second):
        with pytest.raises(Unauthenticated):
            sessions.refresh(gone.refresh_token)
    assert is_refused(second.access_token)


def refresh_repeatedly(world: World, ada: Document, *pauses: float) -> list[str]:
    """The refresh tokens of a session that was refreshed after each of these pauses, in seconds."""
    tokens = [sessions.open_session(ada)]
    for pause in pauses:
        world.clock.advance(pause)
        tokens.append(sessions.refresh(tokens[-1].refresh_token))
    return [each.refresh_token for each in tokens]


def is_good(token: str) -> bool:
    try:
        sessions.refresh(token)
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize("refreshes", [2, 3, 5])
def test_a_token_from_before_the_last_is_refused_and_ends_nothing_within_ten_seconds(
    world: World, ada: Document, refreshes: int
) -> None:
    *before, last, latest = refresh_repeatedly(world, ada, 60, *[1] * (refreshes - 1))
    world.clock.advance(10 - len(before))
    assert [is_good(token) for token in before] == [False] * len(before)
    assert is_good(last)
    assert is_good(latest)


def test_a_token_from_before_the_last_ends_the_session_after_ten_seconds(world: World, ada: Document) -> None:
    first, _, latest = refresh_repeatedly(world, ada, 60, 9)
    world.clock.advance(1.001)
    assert not is_good(first)
    assert not is_good(latest)


@pytest.mark.parametrize(("ahead", "lives"), [(10, True), (10.001, False), (3_600, False)])
def test_a_clock_that_steps_back_does_not_prolong_the_ten_seconds(
    world: World, ada: Document, ahead: float, lives: bool
) -> None:
    first, latest = refresh_repeatedly(world, ada, 60)
    world.clock.advance(-ahead)
    assert is_good(first) is lives
    assert is_good(latest) is lives


def test_many_who_refresh_at_once_get_one_successor(world: World, ada: Document) -> None:
    first = sessions.open_session(ada)
    found = run_together([lambda: sessions.refresh(first.refresh_token)] * 8)
    assert len({one.refresh_token for one in found}) == 1
    assert sessions.refresh(found[0].refresh_token)


def test_a_session_opens_also_when_the_answer_was_lost(world: World, ada: Document) -> None:
    with aws.interfering(aws.send_again):
        opened = sessions.open_session(ada)
    assert sessions.authenticate(opened.access_token).subject == ada.id


def test_the_successor_is_the_same_when_the_answer_was_lost(world: World, ada: Document) -> None:
    first = sessions.open_session(ada)

    def lose_answer(call: aws.Call, send: Callable[[], Any]) -> Any:
        answer = send()
        if call[1] == "UpdateItem":
            raise ConnectionAbortedError
        return answer

    with aws.interfering(lose_answer), pytest.raises(ConnectionAbortedError):
        sessions.refresh(first.refresh_token)
    assert sessions.refresh(sessions.refresh(first.refresh_token).refresh_token)


def test_a_session_that_is_not_refreshed_for_thirty_days_is_over(world: World, ada: Document) -> None:
    given = sessions.open_session(ada)
    world.clock.advance(REFRESH_TTL_S - 1)
    later = sessions.refresh(given.refresh_token)
    world.clock.advance(REFRESH_TTL_S)
    with pytest.raises(Unauthenticated):
        sessions.refresh(later.refresh_token)


def test_logging_out_ends_the_session_and_may_be_done_again(world: World, ada: Document) -> None:
    tokens = sessions.open_session(ada)
    caller = sessions.authenticate(tokens.access_token)
    eve = sessions.authenticate(people.token(people.user(world, name="Eve")))
    with pytest.raises(Forbidden):
        sessions.end_by_token(tokens.refresh_token, eve)
    assert not is_refused(tokens.access_token)
    sessions.end_by_token(tokens.refresh_token, caller)
    assert is_refused(tokens.access_token)
    sessions.end_by_token(tokens.refresh_token, None)


def test_a_key_is_rotated_without_ending_sessions(world: World, ada: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = sessions.open_session(ada)
    both = {"new": "n" * 32, DEVELOPMENT_KEY_ID: DEVELOPMENT_SECRET}
    monkeypatch.setattr(keyring, "jwt_keys", lambda: both)
    later = sessions.refresh(tokens.refresh_token)
    assert jwt.get_unverified_header(later.refresh_token)["kid"] == "new"
    assert sessions.refresh(later.refresh_token)


def application() -> str:
    return clients.register(ORG, "user_admin", CLIENT)[0].id


def for_application(ada: Document, client: str, scope: str = "tasks:read tasks:write") -> Tokens:
    given, opened = sessions.new_session(ada, client_id=client, scope=scope)
    dynamodb.commit(opened)
    return given


def test_an_application_s_session_is_limited_to_its_scope_and_ends_with_it(world: World, ada: Document) -> None:
    client = application()
    tokens = for_application(ada, client)
    assert tokens.scope == "tasks:read tasks:write"
    assert sessions.authenticate(tokens.access_token).scope == {"tasks:read", "tasks:write"}
    clients.delete(ORG, client)
    world.clock.advance(30)
    assert is_refused(tokens.access_token)


def test_an_application_may_narrow_its_scope_but_not_widen_it(world: World, ada: Document) -> None:
    client = application()
    tokens = for_application(ada, client, "tasks:read")
    with pytest.raises(Forbidden):
        sessions.refresh(tokens.refresh_token, client, "tasks:read tasks:write")
    for stranger in (None, "client_other"):
        with pytest.raises(Unauthenticated):
            sessions.refresh(tokens.refresh_token, stranger)
    wide = for_application(ada, client)
    narrow = sessions.refresh(wide.refresh_token, client, "tasks:write")
    assert narrow.scope == "tasks:write"
    assert sessions.authenticate(narrow.access_token).scope == {"tasks:write"}
    again = sessions.refresh(narrow.refresh_token, client)
    assert again.scope == "tasks:read tasks:write"


def test_another_s_session_is_not_an_application_s_to_end(world: World, ada: Document) -> None:
    given = sessions.open_session(ada)
    sessions.end(claims_of(given.access_token)["sid"], application())
    assert not is_refused(given.access_token)


def test_a_session_s_id_is_used_once(world: World, ada: Document) -> None:
    _, opened = sessions.new_session(ada, id="session_x")
    dynamodb.commit(opened)
    with pytest.raises(ConditionFailed):
        dynamodb.commit(sessions.new_session(people.user(world, name="Eve"), id="session_x")[1])


class Rotation(RuleBasedStateMachine):
    """Refresh tokens in any order: a token that was replaced more than ten seconds ago ends the session."""

    @initialize()
    def begin(self) -> None:
        self.context = new_world()
        self.world = self.context.__enter__()
        self.given = [sessions.open_session(people.user(self.world)).refresh_token]
        self.used_at: list[int] = []
        self.over = False

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.__exit__(None, None, None)

    @rule(back=st.integers(0, 3))
    def refresh(self, back: int) -> None:
        index = len(self.given) - 1 - back
        if index < 0:
            return
        in_grace = back > 0 and clock.now() - self.used_at[index] <= sessions.GRACE_MS
        good = not self.over and (back == 0 or (back == 1 and in_grace))
        try:
            answer = sessions.refresh(self.given[index]).refresh_token
        except Unauthenticated:
            assert not good
            # Only the uses of the last two are known. For an older one, the use of the next one counts.
            known = back < 3 or clock.now() - self.used_at[-2] > sessions.GRACE_MS
            self.over = self.over or (not in_grace and known)
            return
        assert good
        if back == 0:
            self.given.append(answer)
            self.used_at.append(clock.now())
        assert answer == self.given[-1]

    @rule(seconds=st.sampled_from([1, 9, 2]))
    def wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @invariant()
    def no_token_is_given_twice(self) -> None:
        assert len(set(getattr(self, "given", []))) == len(getattr(self, "given", []))


TestRotation = Rotation.TestCase
TestRotation.settings = settings(max_examples=8, stateful_step_count=12, suppress_health_check=list(HealthCheck))


def test_nobody_who_is_not_active_has_a_session(ada: Document) -> None:
    tokens = sessions.open_session(ada)
    documents.merge(ORG, "user", ada.id, {"status": users.INVITED})
    with pytest.raises(Unauthenticated):
        sessions.authenticate(tokens.access_token)
    with pytest.raises(Unauthenticated):
        sessions.refresh(tokens.refresh_token)

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.changes.document_changes import document_effects
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.accounts.users import Invitation, Profile
from chalicelib.engine.security import tokens
from chalicelib.errors import Conflict, InvalidRequest, NotFound, TooManyRequests, Unauthenticated
from chalicelib.storage.access import logins as storage
from tests.engine.helpers import run_together
from tests.support import aws, people
from tests.support.people import PASSWORD
from tests.support.world import ORG, START, World

pytestmark = pytest.mark.usefixtures("cheap_hashes")
EVE = Profile("Eve@Acme.example", "Eve", "developer", "free")


@pytest.fixture
def admin(world: World) -> Document:
    return people.admin(world)


def invite(admin: Document, **said: str) -> Invitation:
    return users.invite(ORG, EVE._replace(**said), admin.id)


def can_sign_in(email: str, password: str = PASSWORD) -> bool:
    try:
        users.sign_in(email, password, "")
    except Unauthenticated:
        return False
    return True


def test_who_is_established_signs_in_and_establishing_again_changes_nothing(world: World) -> None:
    profile = Profile("admin@x.example", "Admin", "admin", "enterprise")
    for password in (PASSWORD, "another one"):
        users.ensure_user(ORG, "user_admin", profile, password)
    assert can_sign_in("admin@x.example") and not can_sign_in("admin@x.example", "another one")
    assert (users.get(ORG, "user_admin").body["name"], storage.count_admins(ORG)) == ("Admin", 1)


def test_establishing_at_once_is_establishing_once(world: World) -> None:
    profile = Profile("admin@x.example", "Admin", "admin", "enterprise")
    run_together([lambda: users.ensure_user(ORG, "user_admin", profile, PASSWORD)] * 6)
    assert (len(users.list_users(ORG)), storage.count_admins(ORG)) == (1, 1)


def test_signing_in_notes_when_and_costs_five_calls(world: World, admin: Document) -> None:
    world.clock.advance(5)
    with aws.counting() as counted:
        user = users.sign_in(admin.body["email"], PASSWORD, "")
    assert user.body["last_login_at"] == START + 5_000
    assert counted.total() == 5


def test_who_is_invited_sets_a_password_and_is_a_user(world: World, admin: Document) -> None:
    invited = invite(admin)
    assert invited.user.body["status"] == "invited"
    assert not can_sign_in("eve@acme.example")
    user = users.accept_invitation(invited.token, PASSWORD, "Eve E.")
    assert (user.body["status"], user.body["name"], user.body["role"]) == ("active", "Eve E.", "developer")
    assert can_sign_in("eve@acme.example")


def test_an_email_address_is_one_user_s_of_one_org(world: World, admin: Document) -> None:
    invite(admin)
    for org in (ORG, "globex"):
        with pytest.raises(Conflict):
            users.invite(org, EVE._replace(email=" EVE@acme.EXAMPLE"), "somebody")
    assert len(users.list_users(ORG)) == 2 and users.list_users("globex") == []
    outcomes = run_together([lambda: invite(admin, email="new@acme.example")] * 5)
    assert sum(isinstance(one, Invitation) for one in outcomes) == 1


def is_rejected(token: str) -> bool:
    try:
        users.accept_invitation(token, PASSWORD)
    except Unauthenticated:
        return True
    return False


def test_an_invitation_is_accepted_once(world: World, admin: Document) -> None:
    token = invite(admin).token
    outcomes = run_together([lambda: users.accept_invitation(token, PASSWORD)] * 4)
    assert sum(isinstance(one, Document) for one in outcomes) == 1
    assert is_rejected(token)
    assert can_sign_in("eve@acme.example")


def test_an_invitation_is_good_for_72_hours(world: World, admin: Document) -> None:
    late, in_time = invite(admin), invite(admin, email="zoe@acme.example")
    world.clock.advance(72 * 3600 - 1)
    assert not is_rejected(in_time.token)
    world.clock.advance(1)
    assert is_rejected(late.token)


def test_another_invitation_replaces_the_one_before(world: World, admin: Document) -> None:
    first = invite(admin)
    second = users.renew_invitation(ORG, first.user.id)
    assert is_rejected(first.token)
    assert not is_rejected(second.token)
    with pytest.raises(Conflict):
        users.renew_invitation(ORG, first.user.id)
    with pytest.raises(NotFound):
        users.renew_invitation(ORG, "user_nobody")


NO_INVITATIONS: dict[str, Callable[[Invitation], str]] = {
    "garbage": lambda _: "garbage",
    "an access token": lambda one: sessions.new_session(one.user)[0].access_token,
    "a refresh token": lambda one: sessions.new_session(one.user)[0].refresh_token,
    "another invitation's": lambda one: sign(one, invitation="invitation_other"),
    "another user's": lambda one: sign(one, sub="user_other"),
    "another org's": lambda one: sign(one, org="globex"),
}


def sign(invited: Invitation, **changes: str) -> str:
    claims: dict[str, Any] = {"sub": invited.user.id, "org": ORG, "invitation": "invitation_x"}
    return tokens.sign(tokens.INVITATION, claims | changes, 60)


@pytest.mark.parametrize("what", NO_INVITATIONS)
def test_what_is_no_invitation_is_refused(world: World, admin: Document, what: str) -> None:
    invited = invite(admin)
    assert is_rejected(NO_INVITATIONS[what](invited))
    assert users.get(ORG, invited.user.id).body["status"] == "invited"


def test_a_deleted_user_s_invitation_is_void_and_the_address_is_free(world: World, admin: Document) -> None:
    invited = invite(admin)
    users.delete(ORG, invited.user.id, admin.id)
    assert is_rejected(invited.token)
    assert not is_rejected(invite(admin).token)


def test_a_user_is_announced_once_it_is_active(world: World, admin: Document) -> None:
    invited = invite(admin)
    accepted = users.accept_invitation(invited.token, PASSWORD)
    assert announced_topics(None, invited.user) == []
    assert announced_topics(invited.user, accepted) == [Topic.USER_REGISTERED]
    assert announced_topics(accepted, users.update(ORG, accepted.id, {"name": "E."})) == []
    assert announced_topics(None, accepted) == [Topic.USER_REGISTERED]
    assert announced_topics(accepted, None) == []


def announced_topics(old: Document | None, new: Document | None) -> list[Topic]:
    return [one.topic for one in document_effects(old, new).announcements]


def test_another_password_ends_all_sessions_but_the_one_it_was_changed_in(world: World) -> None:
    ada = people.user(world)
    mine, other = sessions.open_session(ada), sessions.open_session(ada)
    users.change_password(ada, PASSWORD, "another one", "", sessions.authenticate(mine.access_token).session)
    world.clock.advance(30)
    assert sessions.authenticate(mine.access_token).subject == ada.id
    assert sessions.refresh(mine.refresh_token)
    with pytest.raises(Unauthenticated):
        sessions.authenticate(other.access_token)
    assert can_sign_in(ada.body["email"], "another one") and not can_sign_in(ada.body["email"])
    assert sessions.authenticate(people.token(ada)).subject == ada.id


def test_the_present_password_is_needed_and_tries_are_counted(world: World) -> None:
    ada = people.user(world)
    for _ in range(5):
        with pytest.raises(InvalidRequest) as caught:
            users.change_password(ada, "wrong", "another one", "", None)
        assert list(caught.value.fields) == ["currentPassword"]
    with pytest.raises(TooManyRequests):
        users.change_password(ada, PASSWORD, "another one", "", None)


def test_of_two_who_change_the_password_at_once_one_does(world: World) -> None:
    ada = people.user(world)
    work = [
        lambda new=new: users.change_password(ada, PASSWORD, new, "", None) for new in ("password one", "password two")
    ]
    outcomes = run_together(work)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(can_sign_in(ada.body["email"], new) for new in ("password one", "password two")) == 1


def test_preferences_that_are_not_named_stay(world: World) -> None:
    ada = people.user(world)
    users.update(ORG, ada.id, {"preferences": {"theme": "dark", "notifications": {"email": False, "push": True}}})
    user = users.update(ORG, ada.id, {"preferences": {"language": "de", "notifications": {"push": False}}})
    told = {"email": False, "push": False}
    assert user.body["preferences"] == {"theme": "dark", "language": "de", "notifications": told}
    assert users.update(ORG, ada.id, {}) == user


def test_the_last_admin_stays(world: World, admin: Document) -> None:
    ada = people.user(world)
    for attempt in (
        lambda: users.change(ORG, admin.id, {"role": "developer"}, ada.id),
        lambda: users.delete(ORG, admin.id, ada.id),
        lambda: users.delete(ORG, admin.id, admin.id),
    ):
        with pytest.raises(Conflict):
            attempt()
    users.change(ORG, ada.id, {"role": "admin"}, admin.id)
    users.change(ORG, admin.id, {"role": "developer"}, ada.id)
    assert storage.count_admins(ORG) == 1
    with pytest.raises(Conflict):
        users.change(ORG, ada.id, {"role": "viewer"}, admin.id)


def test_an_invited_admin_is_none_yet(world: World, admin: Document) -> None:
    invited = invite(admin, role="admin")
    with pytest.raises(Conflict):
        users.delete(ORG, admin.id, "dev")
    users.accept_invitation(invited.token, PASSWORD)
    users.delete(ORG, admin.id, "dev")
    assert storage.count_admins(ORG) == 1


@pytest.mark.parametrize("how", ["delete", "demote"])
def test_admins_who_remove_each_other_at_once_leave_one(world: World, how: str) -> None:
    admins = [people.admin(world, name=f"Admin {number}") for number in range(3)]

    def remove(user: Document, by: Document) -> None:
        if how == "delete":
            users.delete(ORG, user.id, by.id)
        else:
            users.change(ORG, user.id, {"role": "viewer"}, by.id)

    pairs = [(one, admins[(number + 1) % 3]) for number, one in enumerate(admins)]
    run_together([lambda one=one, by=by: remove(one, by) for one, by in pairs])
    assert sum(user.body["role"] == "admin" for user in users.list_users(ORG)) == storage.count_admins(ORG) == 1


def test_a_deleted_user_is_gone_and_the_email_free(world: World, admin: Document) -> None:
    ada = people.user(world)
    users.delete(ORG, ada.id, admin.id)
    assert not can_sign_in(ada.body["email"])
    with pytest.raises(NotFound):
        users.get(ORG, ada.id)
    with pytest.raises(NotFound):
        users.delete(ORG, ada.id, admin.id)
    assert people.user(world).id != ada.id


def test_deleting_while_somebody_else_writes_is_done_in_the_end(world: World, admin: Document) -> None:
    ada = people.user(world)
    run_together([lambda: users.delete(ORG, ada.id, admin.id)] + [lambda: users.update(ORG, ada.id, {"name": "x"})] * 3)
    with pytest.raises(NotFound):
        users.get(ORG, ada.id)

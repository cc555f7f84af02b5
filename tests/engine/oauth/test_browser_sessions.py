import pytest

from chalicelib.engine.documents import documents
from chalicelib.engine.oauth import browser_sessions
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Unauthenticated
from tests.support.world import World


def test_a_browser_session_is_read_back_from_its_cookie(world: World) -> None:
    for visit in (
        browser_sessions.new_session(),
        browser_sessions.new_session(documents.new("acme", "user", {"era": "era_1"})),
    ):
        assert browser_sessions.read_cookie(browser_sessions.sign_cookie(visit)) == visit


def test_a_browser_session_ends_after_a_quarter_of_an_hour(world: World) -> None:
    cookie = browser_sessions.sign_cookie(browser_sessions.new_session())
    world.clock.advance(browser_sessions.TTL_S - 1)
    assert browser_sessions.read_cookie(cookie)
    world.clock.advance(1)
    assert browser_sessions.read_cookie(cookie) is None


def test_each_browser_session_accepts_only_its_own_word(world: World) -> None:
    session, other = browser_sessions.new_session(), browser_sessions.new_session()
    assert session.repeated(session.word)
    assert not session.repeated(other.word)
    assert not session.repeated("")


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "ä", "e30.e30.e30"])
def test_a_cookie_that_is_no_browser_session_is_none(world: World, cookie: str) -> None:
    assert browser_sessions.read_cookie(cookie) is None


def test_a_browser_session_is_no_access_token_and_the_reverse(world: World) -> None:
    assert browser_sessions.read_cookie(authentication.issue_token(Principal("acme", "dev", "admin"), 60)) is None
    with pytest.raises(Unauthenticated):
        authentication.verify_token(browser_sessions.sign_cookie(browser_sessions.new_session()))

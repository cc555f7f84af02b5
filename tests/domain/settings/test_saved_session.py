"""Which of the saved sessions are active, inactive and closed."""

from chalicelib.domain.settings.saved_session import CLOSED_AFTER_MS, SavedSession, SessionState, rank

NOW = 10 * CLOSED_AFTER_MS


def session(id: str, user_id: str, age_ms: int) -> SavedSession:
    used_at = NOW - age_ms
    return SavedSession(id=id, user_id=user_id, name="n", state=SessionState(), created_at=used_at, used_at=used_at)


def test_each_users_last_used_session_is_active_and_long_unused_ones_are_closed() -> None:
    sessions = [
        session("1", "ann", 5),
        session("2", "ann", 3),
        session("3", "bob", 4),
        session("4", "ann", CLOSED_AFTER_MS),
        session("5", "eve", CLOSED_AFTER_MS + 1),
        session("6", "joe", CLOSED_AFTER_MS - 1),
    ]
    found = {standing.session.id: str(standing.status) for standing in rank(sessions, NOW)}
    assert found == {"2": "active", "3": "active", "1": "inactive", "6": "active", "4": "closed", "5": "closed"}
    assert list(found) == ["2", "3", "1", "6", "4", "5"], "the last used first"


def test_of_two_sessions_of_one_moment_one_is_active() -> None:
    standings = rank([session("1", "ann", 0), session("2", "ann", 0)], NOW)
    assert [str(standing.status) for standing in standings] == ["active", "inactive"]

from chalicelib.apis.surveys.states import SESSION_STATUS
from chalicelib.domain.tasks.task import Status


def test_every_state_of_the_engine_has_a_word() -> None:
    assert set(SESSION_STATUS) == set(Status)

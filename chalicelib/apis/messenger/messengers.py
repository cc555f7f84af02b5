"""The status of each messenger (delqhi-platform.md, "Get Messenger Status")."""

from typing import Self

from pydantic import Field

from chalicelib.domain.deliveries.receivers import Provider
from chalicelib.edge import Caller, NaiveInstant, Routes, Schema
from chalicelib.engine.messaging import provider_status
from chalicelib.engine.messaging.provider_status import ProviderState

routes = Routes("/api/messengers", tag="Messengers")


class MessengerOut(Schema):
    """One provider. `sent` and `failed` count notifications whose delivery there has ended."""

    name: Provider
    configured: bool
    connected: bool = Field(description="Whether it could be used when it was last checked, at most a minute ago.")
    problem: str | None = Field(description="Why it is not connected.")
    last_success: NaiveInstant | None
    last_error: str | None
    last_error_at: NaiveInstant | None
    sent: int
    failed: int

    @classmethod
    def from_state(cls, state: ProviderState) -> Self:
        check, tally = state.check, state.tally
        return cls(
            name=state.name,
            configured=check is not None,
            connected=check is not None and check.error is None,
            problem=check.error if check is not None else None,
            **tally._asdict(),
        )


class MessengerList(Schema):
    """Every provider that Yardmaster supports."""

    messengers: list[MessengerOut]


@routes.get()
def list_messengers(caller: Caller) -> MessengerList:
    """See which messengers are configured and connected, and how many notifications each has sent."""
    return MessengerList(
        messengers=[MessengerOut.from_state(state) for state in provider_status.list_states(caller.org)]
    )

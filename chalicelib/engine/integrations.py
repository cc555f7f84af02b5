"""What an org is connected to: providers of language models, messengers, webhooks, social accounts, and GitHub for its
sign-in. Each says whether it works."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from chalicelib.config import settings
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import github_sign_in
from chalicelib.engine.messaging import provider_status
from chalicelib.engine.models import catalogue
from chalicelib.engine.social import accounts
from chalicelib.engine.statistics import parallel_calls
from chalicelib.engine.webhooks import endpoints
from chalicelib.errors import NotConfigured
from chalicelib.storage.deliveries import deliveries

Status = Literal["connected", "pending", "error"]
LATEST_DELIVERIES = 10
"""Of a webhook: they say whether it works."""


class Integration(NamedTuple):
    """One integration. `configured_at`, in epoch milliseconds, is None for what the deployment configures."""

    name: str
    status: Status
    configured_at: int | None = None


def list_all(org: str) -> list[Integration]:
    """What is configured for the org, by kind. Three calls, two more for accounts that are not cached for a minute, two
    for a slot, and one for each active webhook, six at a time; one request to each messenger and social account that
    was not checked within some minutes.

    Raises NotConfigured where the deployment's models are not valid, and TooManyRequests.
    """
    return [integration for source in SOURCES for integration in source(org)]


_MODEL_STATUSES: dict[catalogue.ModelStatus, Status] = {
    "active": "connected",
    "installing": "pending",
    "unavailable": "error",
}


def _model_providers(org: str) -> Iterator[Integration]:
    """A provider has the status of its models, which share its key and its package."""
    statuses = {entry.provider.name: catalogue.model_status(entry) for entry in catalogue.list_models(org)}
    return (Integration(name, _MODEL_STATUSES[status]) for name, status in statuses.items())


def _messengers(org: str) -> Iterator[Integration]:
    states = provider_status.list_states(org)
    checked = ((state.name, state.check) for state in states if state.check is not None)
    return (Integration(name, "connected" if check.error is None else "error") for name, check in checked)


def _webhooks(org: str) -> Iterator[Integration]:
    webhooks = endpoints.list_all(org)
    statuses = parallel_calls.each(lambda number: _webhook_status(webhooks[number]), range(len(webhooks)))
    return (
        Integration(f"webhook:{urlsplit(webhook.body['url']).hostname}", status, webhook.created_at)
        for webhook, status in zip(webhooks, statuses, strict=True)
    )


def _webhook_status(webhook: Document) -> Status:
    """An active one is connected if one of its latest deliveries arrived, and pending until there is any."""
    if not webhook.body["active"]:
        return "error" if webhook.body.get("disabledReason") else "pending"
    latest = {delivery.status for delivery in deliveries.list_latest(webhook.org, webhook.id, LATEST_DELIVERIES)}
    if "delivered" in latest:
        return "connected"
    return "error" if "failed" in latest else "pending"


def _social_accounts(org: str) -> Iterator[Integration]:
    return (
        Integration(state.platform, "connected" if state.error is None else "error", state.connected_at)
        for state in accounts.list_states(org)
        if state.is_connected
    )


def _github(_org: str) -> Iterator[Integration]:
    """Only a sign-in shows whether GitHub accepts the app: it is an error where its secret is missing."""
    if settings().github_client_id:
        try:
            github_sign_in.get_app()
            yield Integration("github", "connected")
        except NotConfigured:
            yield Integration("github", "error")


SOURCES: tuple[Callable[[str], Iterator[Integration]], ...] = (
    _model_providers,
    _messengers,
    _webhooks,
    _social_accounts,
    _github,
)
"""Where integrations come from."""

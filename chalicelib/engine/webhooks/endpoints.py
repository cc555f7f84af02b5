"""Webhook endpoints of an org. What is sent to them is in event_deliveries.py and webhook_sender.py.

A webhook is a document. Its secret is stored encrypted and not hashed, since each delivery is signed with it; its owner
sees it only once.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.changes.public_events import PublicEvent
from chalicelib.domain.deliveries import signatures
from chalicelib.domain.document import PROJECTS_POOL, Document
from chalicelib.engine.documents import documents
from chalicelib.engine.security import encryption
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.observability import count
from chalicelib.providers.http import outbound
from chalicelib.storage.access import quotas
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.deliveries import receiver_health
from chalicelib.storage.documents import documents as storage

KIND = "webhook"
MAX_WEBHOOKS = 50
"""Of an org: each webhook means one more delivery of each event."""
SECRET_BYTES = 32

GONE = "gone"
FAILING = "failing"
"""Why Yardmaster disables a webhook: it answered 410, or every attempt has failed for days."""


class WebhookWithSecret(NamedTuple):
    """A new webhook, or one with a new secret, and the secret in clear text, which is never shown again."""

    webhook: Document
    secret: str


def create(org: str, body: Mapping[str, Any], secret: str | None, by: str) -> WebhookWithSecret:
    """Create a webhook from `url`, `events`, `active` and `headers`, and `pool` for the events of another API than the
    projects API. Without a `secret` one is generated.

    Raises InvalidRequest for a URL or a secret that cannot be used, and Conflict when the org has MAX_WEBHOOKS.
    """
    _check_url(body["url"])
    document, chosen = documents.new(org, KIND, {}, by=by), _choose_secret(secret)
    stored_body = {**body, "secret": encryption.seal(chosen, _encryption_context(document))}
    try:
        webhook = documents.create(replace(document, body=stored_body), [quotas.take_write(org, KIND, MAX_WEBHOOKS)])
    except ConditionFailed:
        raise Conflict(
            f"An organization has at most {MAX_WEBHOOKS} webhooks: remove one that is no longer needed"
        ) from None
    return WebhookWithSecret(webhook, chosen)


def list_all(org: str) -> list[Document]:
    """All webhooks of an org, newest first. One call."""
    return list(storage.iter_all(org, KIND))


def list_of_pool(org: str, pool: str) -> list[Document]:
    """The webhooks of an org that get the events of this pool's API, newest first. One call."""
    return [webhook for webhook in list_all(org) if pool_of(webhook) == pool]


def get(org: str, webhook_id: str) -> Document:
    """The webhook as of now. Raises NotFound."""
    return documents.get(org, KIND, webhook_id)


def update(org: str, webhook_id: str, fields: Mapping[str, Any], by: str) -> Document:
    """Set some of `url`, `events`, `active` and `headers`. Activating a webhook, or a new URL, deletes what is recorded
    of its failures. Raises NotFound, and InvalidRequest for a URL that cannot be used."""
    if "url" in fields:
        _check_url(fields["url"])
    reset = {"disabledReason": None, "disabledAt": None} if fields.get("active") else {}
    webhook = documents.merge(org, KIND, webhook_id, {**fields, **reset}, by=by)
    if reset or "url" in fields:
        receiver_health.record_recovery(org, webhook_id, clock.now())
    return webhook


def delete(org: str, webhook_id: str, pool: str | None = None) -> None:
    """Remove a webhook, of this pool's API if one is named. Its pending deliveries fail when they are due. Raises
    NotFound."""

    def give_back(webhook: Document) -> list[Write]:
        if pool not in (None, pool_of(webhook)):
            raise NotFound("Webhook", webhook_id)
        return [quotas.give_back_write(org, KIND)]

    documents.delete(org, KIND, webhook_id, also=give_back)


def rotate_secret(org: str, webhook_id: str, secret: str | None, overlap_ms: int, by: str) -> WebhookWithSecret:
    """Sign with a new secret, and for `overlap_ms` with the previous one, too. Raises NotFound and InvalidRequest."""
    chosen = _choose_secret(secret)

    def rotated(webhook: Document) -> Document:
        body = {**webhook.body, "secret": encryption.seal(chosen, _encryption_context(webhook))}
        body |= {"previousSecret": webhook.body["secret"], "previousUntil": clock.now() + overlap_ms}
        return replace(webhook, body=body)

    return WebhookWithSecret(documents.change(org, KIND, webhook_id, rotated, by=by), chosen)


def disable(org: str, webhook_id: str, url: str, reason: str) -> None:
    """Deactivate a webhook because of the answers of its `url`; the change announces `webhook.disabled`
    (domain/document.py). Does nothing when the webhook is not active, has another URL by now, or was removed."""

    def disabled(webhook: Document) -> Document:
        if not webhook.body["active"] or webhook.body["url"] != url:
            return webhook
        changes = {"active": False, "disabledReason": reason, "disabledAt": clock.now()}
        return replace(webhook, body={**webhook.body, **changes})

    with suppress(NotFound):
        documents.change(org, KIND, webhook_id, disabled)
        count("WebhookDisabled")


def signing_secrets(webhook: Document) -> list[str]:
    """The secrets that sign its deliveries now, the newest first. Raises encryption.CannotUnseal."""
    sealed = [webhook.body["secret"]]
    if webhook.body.get("previousUntil", 0) > clock.now():
        sealed.append(webhook.body["previousSecret"])
    return [encryption.unseal(secret, _encryption_context(webhook)) for secret in sealed]


def filter_subscribed(webhooks: Sequence[Document], event: PublicEvent) -> list[Document]:
    """The active webhooks that subscribed to such events of the event's API."""
    return [
        webhook
        for webhook in webhooks
        if webhook.body["active"] and event.topic in webhook.body["events"] and pool_of(webhook) == event.pool
    ]


def pool_of(webhook: Document) -> str:
    """The pool whose API's events it gets. A webhook of the projects API does not name its pool."""
    return str(webhook.body.get("pool", PROJECTS_POOL))


def _check_url(url: str) -> None:
    _check_field("url", outbound.check_url, url)


def _check_field(field: str, check: Callable[[str], None], value: str) -> None:
    try:
        check(value)
    except InvalidRequest as error:
        raise InvalidRequest(f"{field}: {error.message}", fields={field: error.message}) from None


def _choose_secret(secret: str | None) -> str:
    if secret is None:
        return signatures.generate_secret(ids.entropy(SECRET_BYTES))
    if not signatures.is_usable(secret):
        problem = "must go on in base64 after 'whsec_'"
        raise InvalidRequest(f"secret: {problem}", fields={"secret": problem})
    return secret


def _encryption_context(webhook: Document) -> str:
    return f"{webhook.org}#{webhook.id}"

"""Webhook endpoints of an org. What is sent to them is in engine/webhooks/delivery.py.

A webhook is a document; its secret is kept sealed, since it must sign again and again, and is shown only once.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.deliveries import signatures
from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.engine.security import encryption
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.observability import count
from chalicelib.providers.http import outbound
from chalicelib.storage.access import quotas
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.deliveries import endpoint_health
from chalicelib.storage.documents import documents as storage

KIND = "webhook"
MOST = 50
"""Webhooks of an org: each is a delivery of every event."""
SECRET_BYTES = 32

GONE = "gone"
FAILING = "failing"
"""Why the house disables a webhook: it answered 410, or nothing has arrived for days."""


class Shown(NamedTuple):
    """A webhook with its secret, which nobody is shown again."""

    webhook: Document
    secret: str


def create(org: str, said: Mapping[str, Any], secret: str | None, by: str) -> Shown:
    """A new webhook of `url`, `events`, `active` and `headers`, with a secret of our making unless one is given.

    Raises InvalidRequest for a URL or a secret that cannot be used, and Conflict when the org has as many as it may.
    """
    _check_url(said["url"])
    made, chosen = documents.new(org, KIND, {}, by=by), _chosen(secret)
    body = {**said, "secret": encryption.seal(chosen, _context(made))}
    try:
        return Shown(documents.create(replace(made, body=body), [quotas.take_write(org, KIND, MOST)]), chosen)
    except ConditionFailed:
        raise Conflict(f"An organization has at most {MOST} webhooks: remove one that is no longer needed") from None


def every(org: str) -> list[Document]:
    """All webhooks of an org, newest first. One call."""
    return list(storage.iter_all(org, KIND))


def get(org: str, identifier: str) -> Document:
    """The webhook as of now. Raises NotFound."""
    return documents.get(org, KIND, identifier)


def change(org: str, identifier: str, said: Mapping[str, Any], by: str) -> Document:
    """Set what is said of `url`, `events`, `active` and `headers`. One that is switched on begins afresh: what went
    wrong before is forgotten. Raises NotFound, and InvalidRequest for a URL that cannot be used."""
    if "url" in said:
        _check_url(said["url"])
    fresh = {"disabledReason": None, "disabledAt": None} if said.get("active") else {}
    changed = documents.merge(org, KIND, identifier, {**said, **fresh}, by=by)
    if fresh or "url" in said:
        endpoint_health.recovered(org, identifier, clock.now())
    return changed


def delete(org: str, identifier: str) -> None:
    """Remove a webhook; what is still on its way to it is given up. Raises NotFound."""
    documents.delete(org, KIND, identifier, also=lambda _: [quotas.give_back_write(org, KIND)])


def rotate(org: str, identifier: str, secret: str | None, overlap_ms: int, by: str) -> Shown:
    """Sign with a new secret, and for `overlap_ms` with the one before as well. Raises NotFound and InvalidRequest."""
    chosen = _chosen(secret)

    def decide(found: Document) -> Document:
        body = {**found.body, "secret": encryption.seal(chosen, _context(found))}
        body |= {"previousSecret": found.body["secret"], "previousUntil": clock.now() + overlap_ms}
        return replace(found, body=body)

    return Shown(documents.change(org, KIND, identifier, decide, by=by), chosen)


def disable(org: str, identifier: str, url: str, reason: str) -> None:
    """The house takes a webhook out of service for what its `url` did, and says so (domain/document.py). Again, or
    once it has another URL, it changes nothing."""

    def decide(found: Document) -> Document:
        if not found.body["active"] or found.body["url"] != url:
            return found
        off = {"active": False, "disabledReason": reason, "disabledAt": clock.now()}
        return replace(found, body={**found.body, **off})

    with suppress(NotFound):
        documents.change(org, KIND, identifier, decide)
        count("WebhookDisabled")


def secrets(webhook: Document) -> list[str]:
    """What signs for it now, the newest first. Raises sealing.Unsealable."""
    sealed = [webhook.body["secret"]]
    if webhook.body.get("previousUntil", 0) > clock.now():
        sealed.append(webhook.body["previousSecret"])
    return [encryption.unseal(one, _context(webhook)) for one in sealed]


def wanting(found: Sequence[Document], topic: str) -> list[Document]:
    """Those of the webhooks that are in service and asked for what happened."""
    return [one for one in found if one.body["active"] and topic in one.body["events"]]


def _check_url(url: str) -> None:
    _blame("url", outbound.check_url, url)


def _blame(field: str, check: Callable[[str], None], value: str) -> None:
    try:
        check(value)
    except InvalidRequest as error:
        raise InvalidRequest(f"{field}: {error.message}", fields={field: error.message}) from None


def _chosen(secret: str | None) -> str:
    if secret is None:
        return signatures.generated(ids.entropy(SECRET_BYTES))
    if not signatures.usable(secret):
        what = "must go on in base64 after 'whsec_'"
        raise InvalidRequest(f"secret: {what}", fields={"secret": what})
    return secret


def _context(webhook: Document) -> str:
    return f"{webhook.org}#{webhook.id}"

"""n8n's hooks (delqhi-platform.md, "n8n Webhooks"): any JSON object becomes a notification to every messenger.

Instead of a token n8n can send `X-Webhook-Secret`, the secret of the org that `?org=` names
(docs/reference/messenger-api.md).
"""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from chalicelib.apis.messenger.access import HOOKS, ORG
from chalicelib.apis.messenger.schemas import IdempotencyKey, Queued, scoped_key
from chalicelib.domain.deliveries.n8n_templates import HookName
from chalicelib.edge import Caller, Query, Routes, Schema
from chalicelib.engine.messaging import notifications

routes = Routes(HOOKS, tag="n8n")

Org = Annotated[str | None, Query(ORG), Field(description="The org of the hook; read with the credential.")]


class HookIn(Schema):
    """Any JSON that n8n's HTTP Request node sends."""

    model_config = ConfigDict(extra="allow")

    @property
    def fields(self) -> dict[str, Any]:
        """The members of the body."""
        return self.model_dump()


@routes.post("/survey-complete", status=202, errors=[409, 503])
def survey_complete(caller: Caller, body: HookIn, idempotency_key: IdempotencyKey = None, org: Org = None) -> Queued:  # noqa: ARG001
    """Send a notification about a completed survey."""
    return _notify(caller, "survey-complete", body, idempotency_key)


@routes.post("/earnings-update", status=202, errors=[409, 503])
def earnings_update(caller: Caller, body: HookIn, idempotency_key: IdempotencyKey = None, org: Org = None) -> Queued:  # noqa: ARG001
    """Send a notification about earnings."""
    return _notify(caller, "earnings-update", body, idempotency_key)


@routes.post("/error-alert", status=202, errors=[409, 503])
def error_alert(caller: Caller, body: HookIn, idempotency_key: IdempotencyKey = None, org: Org = None) -> Queued:  # noqa: ARG001
    """Send a notification about an error."""
    return _notify(caller, "error-alert", body, idempotency_key)


def _notify(caller: Caller, hook: HookName, body: HookIn, key: str | None) -> Queued:
    return Queued.from_notification(
        notifications.enqueue_hook_notification(caller.org, hook, body.fields, scoped_key(caller, key))
    )

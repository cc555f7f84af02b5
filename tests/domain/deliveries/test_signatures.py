"""Signatures, verified as receivers do: with the document's own JavaScript, and with `standardwebhooks`."""

import base64
import shutil
import subprocess
import time
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.domain.deliveries import json_stringify, signatures

BODY = json_stringify.stringify(
    {"event": "task.completed", "data": {"title": "Fünf € 😀", "progress": 1.0, "hours": 3.5}}
).encode()
MADE = signatures.generate_secret(bytes(range(32)))
TYPED = "your-webhook-secret"
OTHER = signatures.generate_secret(bytes(32))

DOCUMENTED = """
const crypto = require('crypto');

function verifyWebhookSignature(payload, signature, secret) {
  const expectedSignature = crypto
    .createHmac('sha256', secret)
    .update(payload)
    .digest('hex');

  return `sha256=${expectedSignature}` === signature;
}

const req = { body: JSON.parse(require('fs').readFileSync(0, 'utf8')) };
const [signature, secret] = process.argv.slice(1);
const payload = JSON.stringify(req.body);
process.stdout.write(String(verifyWebhookSignature(payload, signature, secret)));
"""
"""The function of coordinaitor.md, called as Express calls it."""


def headers(*secrets: str, at: float = 0, body: bytes = BODY) -> dict[str, str]:
    return signatures.signature_headers(secrets, "evt_1", int(time.time() + at), body)


def verify(secret: str, sent: dict[str, str], body: bytes = BODY) -> Any:
    key = secret if secret.startswith(signatures.PREFIX) else base64.b64encode(secret.encode()).decode()
    return Webhook(key).verify(body, sent)


def verify_as_documented(secret: str, signature: str, body: bytes = BODY) -> bool:
    if shutil.which("node") is None:
        pytest.skip("needs node, which is not on this machine")
    command = ["node", "-e", DOCUMENTED, "--", signature, secret]
    done = subprocess.run(command, input=body, capture_output=True, timeout=60, check=True)
    return done.stdout == b"true"


@pytest.mark.parametrize("secret", [MADE, TYPED])
def test_one_secret_serves_both_schemes(secret: str) -> None:
    sent = headers(secret)
    assert verify(secret, sent)["data"]["title"] == "Fünf € 😀"
    assert verify_as_documented(secret, sent["x-orchestrator-signature"])


def test_what_was_tampered_with_is_refused() -> None:
    sent, other = headers(MADE), BODY.replace(b"completed", b"cancelled")
    assert not verify_as_documented(MADE, sent["x-orchestrator-signature"], other)
    assert not verify_as_documented(OTHER, sent["x-orchestrator-signature"])
    for wrong in (
        {"body": other},
        {"secret": OTHER},
        {"sent": sent | {"webhook-id": "evt_2"}},
        {"sent": sent | {"webhook-timestamp": str(int(sent["webhook-timestamp"]) + 1)}},
        {"sent": sent | {"webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()}},
    ):
        with pytest.raises(WebhookVerificationError):
            verify(**({"secret": MADE, "sent": sent, "body": BODY} | wrong))


@pytest.mark.parametrize(("seconds", "fresh"), [(-301, False), (-290, True), (290, True), (310, False)])
def test_what_is_old_or_from_the_future_is_refused(seconds: int, fresh: bool) -> None:
    sent = headers(MADE, at=seconds)
    if fresh:
        verify(MADE, sent)
        return
    with pytest.raises(WebhookVerificationError, match="timestamp"):
        verify(MADE, sent)


def test_while_a_secret_is_changed_both_verify() -> None:
    sent = headers(MADE, TYPED)
    assert verify(MADE, sent) == verify(TYPED, sent)
    assert sent["x-orchestrator-signature"] == headers(MADE)["x-orchestrator-signature"]
    assert sent["x-orchestrator-signature-previous"] == headers(TYPED)["x-orchestrator-signature"]
    assert len(sent["webhook-signature"].split(" ")) == 2


def test_the_example_of_standard_webhooks() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    sent = signatures.signature_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert sent["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("secret", "usable"),
    [
        (MADE, True),
        (TYPED, True),
        ("whsec_", False),
        ("whsec_a b", False),
        ("whsec_abc", False),
        ("whsec_YWJj!", False),
    ],
)
def test_a_secret_that_means_nothing_to_some_receivers_is_not_usable(secret: str, usable: bool) -> None:
    assert signatures.is_usable(secret) is usable


def test_a_secret_that_somebody_made_up_counts_to_the_letter() -> None:
    signed = {
        signatures.signature_headers([secret], "evt_1", 1, b"{}")["webhook-signature"]
        for secret in ("secret", "secret=")
    }
    assert len(signed) == 2

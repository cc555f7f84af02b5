"""WhatsApp through Meta's Cloud API (developers.facebook.com/docs/whatsapp/cloud-api): `POST
/<phone number id>/messages`.

Text reaches only people who have written to the number within 24 hours. Meta refuses other messages with a reason, or
accepts and then drops them, which it reports only to its own webhooks.
WhatsApp has no escape for its *bold* and _italic_: the text is sent as it is.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody
from chalicelib.providers.messengers import provider_requests, text_splitting
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Sent, Undelivered

MAX_LENGTH = 4096
DEFAULT_API_URL = "https://graph.facebook.com/v23.0"
_THROTTLING_CODES = frozenset({4, 80007, 130429, 131048, 131056})
"""Meta's codes for too many messages. They come with several statuses and name no time."""
DEFAULT_REST_MS = 60_000
_ACCOUNT_ERRORS = frozenset({10, 190, 131005, 131031, 131042, 133010})
"""Codes of errors that can be corrected, with status 400, 401 or 403: permissions, the access token, an account that is
locked or has no means of payment, a number that is not registered."""
_NO_SUCH_NUMBER = (100, 33)
"""Code and subcode for a phone number id that does not exist, or that the token does not reach."""


class WhatsAppCloud:
    """Settings: `access_token`, `phone_number_id`, `to`, the recipient's number; `api_url` for another version."""

    required_settings = ("access_token", "phone_number_id", "to")

    def split(self, text: str) -> list[str]:
        return text_splitting.split_text(text_splitting.plain_atoms(text), MAX_LENGTH)

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": account["to"],
            "type": "text",
            "text": {"preview_url": False, "body": part},
        }
        response = _call(account, "POST", "/messages", body, provider_requests.is_refusal_of_message)
        try:
            identifier = response.json["messages"][0]["id"]
        except (KeyError, IndexError, TypeError):
            identifier = None
        return provider_requests.sent_with_id(identifier)

    def check(self, account: Mapping[str, str]) -> None:
        response = _call(account, "GET", "?fields=id")
        if "id" not in response.json:
            raise provider_requests.unexpected_response(response)


def _call(
    account: Mapping[str, str], method: str, path: str, body: Any = None, needs_body: NeedsBody = outbound.always
) -> ProviderResponse:
    url = f"{provider_requests.base_url(account.get('api_url', DEFAULT_API_URL))}/{account['phone_number_id']}{path}"
    token = {"authorization": f"Bearer {account['access_token']}"}
    response = provider_requests.send_request(method, url, body, token, needs_body=needs_body)
    if not response.is_success or isinstance(response.json.get("error"), dict):
        raise _refusal(response)
    return response


def _refusal(response: ProviderResponse) -> Undelivered:
    """`{"error": {"message": ..., "code": ..., "error_data": {"details": ...}}}`."""
    error = response.json.get("error")
    details: Mapping[str, Any] = error if isinstance(error, dict) else {}
    refusal = provider_requests.refusal(response, provider_requests.text_or_empty(details.get("message")))
    code = details.get("code")
    if isinstance(code, int) and code in _THROTTLING_CODES:
        rest_ms = refusal.rest_ms or DEFAULT_REST_MS
        return Undelivered(str(refusal), status=response.status, rest_ms=rest_ms)
    is_unknown_number = (code, details.get("error_subcode")) == _NO_SUCH_NUMBER
    if isinstance(code, int) and (code in _ACCOUNT_ERRORS or is_unknown_number):
        return provider_requests.as_temporary(refusal)
    return refusal

"""WhatsApp through WAHA (waha.devlike.pro), a self-hosted bridge: `sendText`, its session, QR code and logout.

With `private` in its account the bridge may be in a private network and use http. The operator of the deployment writes
the accounts; no tenant can name such an address.
"""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody
from chalicelib.providers.messengers import provider_requests, text_splitting
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Sent, Undelivered

MAX_LENGTH = 4096
WORKING, SCANNING = "WORKING", "SCAN_QR_CODE"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UNPAIRED = "the WhatsApp session is {}"


class Pairing(NamedTuple):
    """The bridge's session: its status in WAHA's words, and the QR code while a phone has to scan it."""

    status: str
    png: bytes | None


class Waha:
    """Settings: `url` of the bridge, `chat_id` (`<number>@c.us`, or a group's); `api_key` and `session` where the
    bridge has them; `private` for a bridge in a private network."""

    required_settings = ("url", "chat_id")

    def split(self, text: str) -> list[str]:
        return text_splitting.split_text(text_splitting.plain_atoms(text), MAX_LENGTH)

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        body = {"session": _session(account), "chatId": account["chat_id"], "text": part}
        response = _call(account, "POST", "/api/sendText", body, provider_requests.is_refusal_of_message)
        return provider_requests.sent_with_id(_message_id(response.json))

    def check(self, account: Mapping[str, str]) -> None:
        status = _status(account)
        if status != WORKING:
            raise Undelivered(_UNPAIRED.format(status))

    def pairing(self, account: Mapping[str, str]) -> Pairing:
        """The state of the session. Raises Undelivered."""
        status = _status(account)
        return Pairing(status, _qr_code(account) if status == SCANNING else None)

    def log_out(self, account: Mapping[str, str]) -> None:
        """End the session, also on the phone. A phone has to scan a new code before messages can be sent. Raises
        Undelivered."""
        response = _call(account, "POST", f"/api/sessions/{quote(_session(account), safe='')}/logout")
        if response.body and not response.json:
            raise provider_requests.unexpected_response(response)


def _session(account: Mapping[str, str]) -> str:
    return account.get("session") or "default"


def _status(account: Mapping[str, str]) -> str:
    response = _call(account, "GET", f"/api/sessions/{quote(_session(account), safe='')}")
    status = response.json.get("status")
    if not isinstance(status, str):
        raise provider_requests.unexpected_response(response)
    return status


def _qr_code(account: Mapping[str, str]) -> bytes:
    """`{"mimetype": "image/png", "data": <base64>}`; older bridges send the image itself."""
    response = _call(account, "GET", f"/api/{quote(_session(account), safe='')}/auth/qr?format=image")
    try:
        image = base64.b64decode(response.json["data"]) if "data" in response.json else response.body
    except (ValueError, TypeError):
        raise provider_requests.unexpected_response(response) from None
    if not image.startswith(PNG_SIGNATURE):
        raise provider_requests.unexpected_response(response)
    return image


def _call(
    account: Mapping[str, str], method: str, path: str, body: Any = None, needs_body: NeedsBody = outbound.always
) -> ProviderResponse:
    key = {"x-api-key": account["api_key"]} if account.get("api_key") else {}
    private = account.get("private", "").lower() == "true"
    response = provider_requests.send_request(
        method, provider_requests.base_url(account["url"]) + path, body, key, private=private, needs_body=needs_body
    )
    if not response.is_success:
        raise _refusal(response)
    return response


def _refusal(response: ProviderResponse) -> Undelivered:
    """`{"message": ...}`; or 422 with the status of a session that is not paired, which can be corrected."""
    status = response.json.get("status")
    if response.status == 422 and isinstance(status, str):
        return Undelivered(_UNPAIRED.format(status), status=422)
    return provider_requests.refusal(response, provider_requests.text_or_empty(response.json.get("message")))


def _message_id(body: Mapping[str, Any]) -> Any:
    """Each of WAHA's engines has its own shape: a text, `{"_serialized": ...}`, or an object in `key`."""
    identifier = body.get("id", body.get("key"))
    if isinstance(identifier, dict):
        identifier = identifier.get("_serialized", identifier.get("id"))
    return identifier

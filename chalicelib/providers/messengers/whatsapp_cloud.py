"""WhatsApp by Meta's Cloud API (developers.facebook.com/docs/whatsapp/cloud-api): `POST /<phone number id>/messages`.

Text reaches only who has written to the number within 24 hours; everybody else's is refused, with Meta's own words, or
accepted and then dropped, which Meta tells only to its own webhooks.
WhatsApp knows no escape for its *bold* and _italic_: the text goes as it is.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody
from chalicelib.providers.messengers import calls, texts
from chalicelib.providers.messengers.calls import Sent, Spoken, Undelivered

LIMIT = 4096
API = "https://graph.facebook.com/v23.0"
_THROTTLED = frozenset({4, 80007, 130429, 131048, 131056})
"""Meta's codes for too many messages, which come under several statuses and name no time."""
REST_MS = 60_000
_OF_THE_ACCOUNT = frozenset({10, 190, 131005, 131031, 131042, 133010})
"""Codes that come as 400 as well as 401 and 403, and can be put right: permissions, the access token, an account that
is locked or has no means of payment, a number that is not registered."""
_NO_SUCH_NUMBER = (100, 33)
"""Code and subcode for a phone number id that does not exist, or that the token does not reach."""


class WhatsAppCloud:
    """Settings: `access_token`, `phone_number_id`, `to`, the recipient's number; `api_url` for another version."""

    needs = ("access_token", "phone_number_id", "to")

    def parts(self, text: str) -> list[str]:
        return texts.split(texts.plain(text), LIMIT)

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": account["to"],
            "type": "text",
            "text": {"preview_url": False, "body": part},
        }
        spoken = _call(account, "POST", "/messages", body, calls.is_refusal_of_message)
        try:
            identifier = spoken.said["messages"][0]["id"]
        except (KeyError, IndexError, TypeError):
            identifier = None
        return calls.taken(identifier)

    def check(self, account: Mapping[str, str]) -> None:
        spoken = _call(account, "GET", "?fields=id")
        if "id" not in spoken.said:
            raise calls.garbled(spoken)


def _call(
    account: Mapping[str, str], method: str, path: str, body: Any = None, needs_body: NeedsBody = outbound.always
) -> Spoken:
    url = f"{calls.base(account.get('api_url', API))}/{account['phone_number_id']}{path}"
    token = {"authorization": f"Bearer {account['access_token']}"}
    spoken = calls.ask(method, url, body, token, needs_body=needs_body)
    if not spoken.good or isinstance(spoken.said.get("error"), dict):
        raise _refusal(spoken)
    return spoken


def _refusal(spoken: Spoken) -> Undelivered:
    """`{"error": {"message": ..., "code": ..., "error_data": {"details": ...}}}`."""
    error = spoken.said.get("error")
    said: Mapping[str, Any] = error if isinstance(error, dict) else {}
    found = calls.refusal(spoken, calls.words(said.get("message")))
    code = said.get("code")
    if isinstance(code, int) and code in _THROTTLED:
        rest = found.rest_ms or REST_MS
        return Undelivered(str(found), status=spoken.status, rest_ms=rest)
    if isinstance(code, int) and (code in _OF_THE_ACCOUNT or (code, said.get("error_subcode")) == _NO_SUCH_NUMBER):
        return calls.passing(found)
    return found

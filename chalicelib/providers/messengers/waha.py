"""WhatsApp by WAHA (waha.devlike.pro), a bridge that one runs oneself: `sendText`, its session, QR code and logout.

It may be in a private network, and speak http, where its account says `private`: accounts are written by whoever runs
the deployment, and nothing else may lead to such an address.
"""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody
from chalicelib.providers.messengers import calls, texts
from chalicelib.providers.messengers.calls import Sent, Spoken, Undelivered

LIMIT = 4096
WORKING, SCANNING = "WORKING", "SCAN_QR_CODE"
PNG = b"\x89PNG\r\n\x1a\n"
_UNPAIRED = "the WhatsApp session is {}"


class Pairing(NamedTuple):
    """How far the bridge's session is: its status in WAHA's words, and the picture to be scanned, if one is due."""

    status: str
    png: bytes | None


class Waha:
    """Settings: `url` of the bridge, `chat_id` (`<number>@c.us`, or a group's); `api_key` and `session` where the
    bridge has them; `private` where it is in a network of one's own."""

    needs = ("url", "chat_id")

    def parts(self, text: str) -> list[str]:
        return texts.split(texts.plain(text), LIMIT)

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        said = {"session": _session(account), "chatId": account["chat_id"], "text": part}
        spoken = _call(account, "POST", "/api/sendText", said, calls.is_refusal_of_message)
        return calls.taken(_message_id(spoken.said))

    def check(self, account: Mapping[str, str]) -> None:
        status = _status(account)
        if status != WORKING:
            raise Undelivered(_UNPAIRED.format(status))

    def pairing(self, account: Mapping[str, str]) -> Pairing:
        """How far the session is. Raises Undelivered."""
        status = _status(account)
        return Pairing(status, _picture(account) if status == SCANNING else None)

    def log_out(self, account: Mapping[str, str]) -> None:
        """End the session on the phone, too; to go on, the code has to be scanned again. Raises Undelivered."""
        spoken = _call(account, "POST", f"/api/sessions/{quote(_session(account), safe='')}/logout")
        if spoken.body and not spoken.said:
            raise calls.garbled(spoken)


def _session(account: Mapping[str, str]) -> str:
    return account.get("session") or "default"


def _status(account: Mapping[str, str]) -> str:
    spoken = _call(account, "GET", f"/api/sessions/{quote(_session(account), safe='')}")
    status = spoken.said.get("status")
    if not isinstance(status, str):
        raise calls.garbled(spoken)
    return status


def _picture(account: Mapping[str, str]) -> bytes:
    """`{"mimetype": "image/png", "data": <base64>}`; older bridges send the picture itself."""
    spoken = _call(account, "GET", f"/api/{quote(_session(account), safe='')}/auth/qr?format=image")
    try:
        found = base64.b64decode(spoken.said["data"]) if "data" in spoken.said else spoken.body
    except (ValueError, TypeError):
        raise calls.garbled(spoken) from None
    if not found.startswith(PNG):
        raise calls.garbled(spoken)
    return found


def _call(
    account: Mapping[str, str], method: str, path: str, body: Any = None, needs_body: NeedsBody = outbound.always
) -> Spoken:
    key = {"x-api-key": account["api_key"]} if account.get("api_key") else {}
    private = account.get("private", "").lower() == "true"
    spoken = calls.ask(method, calls.base(account["url"]) + path, body, key, private=private, needs_body=needs_body)
    if not spoken.good:
        raise _refusal(spoken)
    return spoken


def _refusal(spoken: Spoken) -> Undelivered:
    """`{"message": ...}`; or 422 with the status of a session that is not paired, which can be put right."""
    status = spoken.said.get("status")
    if spoken.status == 422 and isinstance(status, str):
        return Undelivered(_UNPAIRED.format(status), status=422)
    return calls.refusal(spoken, calls.words(spoken.said.get("message")))


def _message_id(said: Mapping[str, Any]) -> Any:
    """Each of WAHA's engines has a shape of its own: a text, `{"_serialized": ...}`, or beneath `key`."""
    found = said.get("id", said.get("key"))
    if isinstance(found, dict):
        found = found.get("_serialized", found.get("id"))
    return found

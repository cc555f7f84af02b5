"""Telegram, through its Bot API (core.telegram.org/bots/api): `sendMessage` and `getMe`.

The text is sent as HTML, the only parse mode in which no more than three characters have to be escaped.
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody
from chalicelib.providers.messengers import provider_requests, text_splitting
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Sent, Undelivered
from chalicelib.providers.messengers.text_splitting import Atom

MAX_LENGTH = 4096
"""Characters "after entities parsing": an escaped character counts once."""
DEFAULT_API_URL = "https://api.telegram.org"
_NEW_CHAT_ID = "migrate_to_chat_id"
_CHAT_WORDS = re.compile(
    r"(?<![a-z])(bot|chat|peer|user|group|supergroup|channel|topic|thread|rights|member)(?![a-z])", re.I
)
"""Telegram answers 400 both to errors of the account and to errors of the message. Only its words tell them apart:
`chat not found`, `group chat was upgraded to a supergroup chat`, `PEER_ID_INVALID`, `not enough rights`."""
_TEXT_WORDS = re.compile(r"parse entities|message (text |is too long|must )|text must", re.I)


class Telegram:
    """Settings: `bot_token`, `chat_id`; `api_url` of a Bot API server of one's own."""

    required_settings = ("bot_token", "chat_id")

    def split(self, text: str) -> list[str]:
        return text_splitting.split_text(
            [Atom(each, escape(each, quote=False), text_splitting.utf16_length(each)) for each in text], MAX_LENGTH
        )

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        body = {"chat_id": account["chat_id"], "text": part, "parse_mode": "HTML"}
        response = _call(account, "sendMessage", body, provider_requests.is_refusal_of_message)
        return provider_requests.sent_with_id(_result(response).get("message_id"))

    def check(self, account: Mapping[str, str]) -> None:
        response = _call(account, "getMe")
        if response.json.get("ok") is not True:
            raise provider_requests.unexpected_response(response)


def _call(
    account: Mapping[str, str], method: str, body: Any = None, needs_body: NeedsBody = outbound.always
) -> ProviderResponse:
    url = f"{provider_requests.base_url(account.get('api_url', DEFAULT_API_URL))}/bot{account['bot_token']}/{method}"
    response = provider_requests.send_request("POST", url, body, needs_body=needs_body)
    if not response.is_success or response.json.get("ok") is False:
        raise _refusal(response)
    return response


def _refusal(response: ProviderResponse) -> Undelivered:
    """`{"ok": false, "error_code": ..., "description": ..., "parameters": {"retry_after": seconds}}`. A proxy may
    have replaced the status by a success; then the code counts."""
    code, parameters = response.json.get("error_code"), _object(response.json.get("parameters"))
    meant = (
        response._replace(status=code) if response.is_success and isinstance(code, int) and code >= 400 else response
    )
    words = provider_requests.text_or_empty(response.json.get("description"))
    rest_ms = provider_requests.seconds_to_ms(parameters.get("retry_after"))
    refusal = provider_requests.refusal(meant, words, rest_ms)
    new_chat_id = parameters.get(_NEW_CHAT_ID)
    if isinstance(new_chat_id, int):
        return provider_requests.as_temporary(refusal, f"{words}: the chat's id is now {new_chat_id}")
    return provider_requests.as_temporary(refusal) if _is_about_the_chat(words) else refusal


def _is_about_the_chat(words: str) -> bool:
    """Whether a refusal is about the chat or the bot's rights in it. A refusal of the text may quote such words."""
    return bool(_CHAT_WORDS.search(words)) and not _TEXT_WORDS.search(words)


def _result(response: ProviderResponse) -> Mapping[str, Any]:
    return _object(response.json.get("result"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

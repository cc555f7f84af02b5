"""Telegram, by its Bot API (core.telegram.org/bots/api): `sendMessage` and `getMe`.

The text goes as HTML, the one parse mode in which three characters are all that has to be escaped.
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody
from chalicelib.providers.messengers import calls, texts
from chalicelib.providers.messengers.calls import Sent, Spoken, Undelivered
from chalicelib.providers.messengers.texts import Atom

LIMIT = 4096
"""Characters "after entities parsing": what is escaped counts once."""
API = "https://api.telegram.org"
_MOVED = "migrate_to_chat_id"
_CHAT = re.compile(r"(?<![a-z])(bot|chat|peer|user|group|supergroup|channel|topic|thread|rights|member)(?![a-z])", re.I)
"""Telegram answers 400 to what is wrong with the account as well as with the message, and only its words tell them
apart: `chat not found`, `group chat was upgraded to a supergroup chat`, `PEER_ID_INVALID`, `not enough rights`."""
_TEXT = re.compile(r"parse entities|message (text |is too long|must )|text must", re.I)


class Telegram:
    """Settings: `bot_token`, `chat_id`; `api_url` where the Bot API is one's own."""

    needs = ("bot_token", "chat_id")

    def parts(self, text: str) -> list[str]:
        return texts.split([Atom(one, escape(one, quote=False), texts.units(one)) for one in text], LIMIT)

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        said = {"chat_id": account["chat_id"], "text": part, "parse_mode": "HTML"}
        spoken = _call(account, "sendMessage", said, calls.is_refusal_of_message)
        return calls.taken(_result(spoken).get("message_id"))

    def check(self, account: Mapping[str, str]) -> None:
        spoken = _call(account, "getMe")
        if spoken.said.get("ok") is not True:
            raise calls.garbled(spoken)


def _call(account: Mapping[str, str], method: str, body: Any = None, needs_body: NeedsBody = outbound.always) -> Spoken:
    url = f"{calls.base(account.get('api_url', API))}/bot{account['bot_token']}/{method}"
    spoken = calls.ask("POST", url, body, needs_body=needs_body)
    if not spoken.good or spoken.said.get("ok") is False:
        raise _refusal(spoken)
    return spoken


def _refusal(spoken: Spoken) -> Undelivered:
    """`{"ok": false, "error_code": ..., "description": ..., "parameters": {"retry_after": seconds}}`. A proxy may have
    made a success of the status, and then the code counts."""
    said, code = spoken.said, spoken.said.get("error_code")
    given = said.get("parameters")
    parameters: Mapping[str, Any] = given if isinstance(given, dict) else {}
    meant = spoken._replace(status=code) if spoken.good and isinstance(code, int) and code >= 400 else spoken
    words = calls.words(said.get("description"))
    found = calls.refusal(meant, words, calls.milliseconds(parameters.get("retry_after")))
    moved = parameters.get(_MOVED)
    if isinstance(moved, int):
        return calls.passing(found, f"{words}: the chat's id is now {moved}")
    return calls.passing(found) if _is_about_the_chat(words) else found


def _is_about_the_chat(words: str) -> bool:
    """Whether a refusal names the chat, or what the bot may do there. What is about the text may quote it."""
    return bool(_CHAT.search(words)) and not _TEXT.search(words)


def _result(spoken: Spoken) -> Mapping[str, Any]:
    found = spoken.said.get("result")
    return found if isinstance(found, dict) else {}

"""Telegram, by its Bot API (core.telegram.org/bots/api): `sendMessage` and `getMe`.

The text goes as HTML, the one parse mode in which three characters are all that has to be escaped.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from chalicelib.providers.messengers import calls, texts
from chalicelib.providers.messengers.calls import Sent, Spoken, Undelivered
from chalicelib.providers.messengers.texts import Atom

LIMIT = 4096
"""Characters "after entities parsing": what is escaped counts once."""
API = "https://api.telegram.org"


class Telegram:
    """Settings: `bot_token`, `chat_id`; `api_url` where the Bot API is one's own."""

    needs = ("bot_token", "chat_id")

    def parts(self, text: str) -> list[str]:
        return texts.split([Atom(one, escape(one, quote=False), texts.units(one)) for one in text], LIMIT)

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        said = {"chat_id": account["chat_id"], "text": part, "parse_mode": "HTML"}
        spoken = _call(account, "sendMessage", said)
        identifier = _result(spoken).get("message_id")
        if not isinstance(identifier, int):
            raise calls.garbled(spoken)
        return Sent(str(identifier))

    def check(self, account: Mapping[str, str]) -> None:
        _call(account, "getMe")


def _call(account: Mapping[str, str], method: str, body: Any = None) -> Spoken:
    url = f"{calls.base(account.get('api_url', API))}/bot{account['bot_token']}/{method}"
    spoken = calls.ask("POST", url, body)
    if spoken.good and spoken.said.get("ok") is True:
        return spoken
    if spoken.good:
        raise calls.garbled(spoken)
    raise _refusal(spoken)


def _refusal(spoken: Spoken) -> Undelivered:
    """`{"ok": false, "description": ..., "parameters": {"retry_after": seconds}}`."""
    parameters = spoken.said.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return calls.refusal(spoken, calls.words(spoken.said.get("description")), calls.milliseconds(seconds))


def _result(spoken: Spoken) -> Mapping[str, Any]:
    found = spoken.said.get("result")
    return found if isinstance(found, dict) else {}

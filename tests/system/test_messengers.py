"""Notifications over HTTP, to providers that answer as documented, with every kind of failure."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import token
from tests.support.world import answer
from tests.system.conftest import QUICK
from tests.system.messengers import ProviderServer, environment, serving_providers
from tests.system.stack import ORG, PATIENCE, Caller, Stack, stack, wait_until

SNIPPET = Path(__file__).parent / "snippets" / "messenger" / "notify.sh"


@pytest.fixture(scope="module")
def providers() -> Iterator[ProviderServer]:
    with serving_providers() as found:
        yield found


@pytest.fixture(scope="module")
def notifying_stack(providers: ProviderServer) -> Iterator[Stack]:
    """A stack whose org has every messenger."""
    with stack(LOG_LEVEL="CRITICAL", MESSENGERS=environment(providers, ORG), **QUICK) as ready:
        yield ready


@pytest.fixture
def api(notifying_stack: Stack) -> Caller:
    """A caller whose plan allows more than 60 requests a minute, because tests poll."""
    return Caller(notifying_stack.urls["messenger"], token("admin", ORG, plan="enterprise"))


def statuses(api: Caller, made: str) -> dict[str, Any]:
    found = api.json("GET", "/api/notifications")["notifications"]
    return {name: said["status"] for one in found if one["id"] == made for name, said in one["providers"].items()}


def wait_until_all_sent(api: Caller, made: str) -> None:
    wait_until(lambda: statuses(api, made), lambda found: set(found.values()) == {"sent"})


def test_the_documents_own_curl_notifies(
    notifying_stack: Stack, providers: ProviderServer, api: Caller, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("notify.sh needs curl, which is not on this machine")
    text = SNIPPET.read_text()
    assert text.count("http://localhost:8004") == 1
    script = tmp_path / "notify.sh"
    script.write_text(text.replace("http://localhost:8004", notifying_stack.urls["messenger"]))
    run = subprocess.run(["sh", str(script)], capture_output=True, text=True, timeout=PATIENCE, check=True)
    made = json.loads(run.stdout)
    assert made["providers"] == dict.fromkeys(("telegram", "whatsapp", "discord"), "queued")
    wait_until_all_sent(api, made["id"])
    assert providers.telegram.sent[-1]["text"] == providers.whatsapp.sent[-1]["text"] == "ℹ️ Hello!"
    assert providers.discord.sent[-1]["content"] == "ℹ️ Hello!"


def test_what_providers_refuse_comes_later_and_once(providers: ProviderServer, api: Caller) -> None:
    """Telegram is busy, Discord fails, and WhatsApp's key has expired. Each gets the message once later."""
    before = [len(one.sent) for one in providers.providers.values()]
    said = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 2}}
    providers.telegram.reply, providers.discord.reply = answer(429, said), answer(502)
    providers.whatsapp.reply = answer(401, {"message": "Unauthorized", "statusCode": 401})
    earlier_requests = providers.telegram.request_count
    ids = api.json("POST", "/api/notify", {"message": "later", "type": "warning"})["id"]
    wait_until(
        lambda: [one.request_count for one in providers.providers.values()],
        lambda found: found[0] > earlier_requests and all(found),
    )
    wait_until(lambda: api.json("GET", "/api/notifications")["notifications"][0], is_refused_everywhere)
    for one in providers.providers.values():
        one.reply = None
    wait_until_all_sent(api, ids)
    assert [len(one.sent) for one in providers.providers.values()] == [number + 1 for number in before]


def is_refused_everywhere(shown: Any) -> bool:
    return all(one["error"] for one in shown["providers"].values())


def test_providers_that_hang_or_answer_garbage_delay_no_other(providers: ProviderServer, api: Caller) -> None:
    providers.hanging.add("telegram")
    providers.garbling.add("discord")
    before = len(providers.whatsapp.sent)
    ids = [api.json("POST", "/api/notify", {"message": str(number)})["id"] for number in range(5)]
    wait_until(lambda: len(providers.whatsapp.sent), lambda found: found == before + 5)
    errors = [error_of(api, one, "telegram") for one in ids]
    assert errors == [None] * 5, "WhatsApp has all, and Telegram, which takes ten seconds, has given up none"
    problem = wait_until(lambda: error_of(api, ids[0], "discord"), bool)
    assert problem == "no answer: closed"
    wanted = [len(one.sent) + 5 for one in (providers.telegram, providers.discord)]
    providers.hanging.clear()
    providers.garbling.clear()
    wait_until(
        lambda: [len(one.sent) for one in (providers.telegram, providers.discord)], lambda found: found >= wanted
    )
    for one in ids:
        wait_until_all_sent(api, one)
    assert len(providers.whatsapp.sent) == before + 5


def error_of(api: Caller, made: str, provider: str) -> Any:
    found = api.json("GET", "/api/notifications")["notifications"]
    return next(one["providers"][provider]["error"] for one in found if one["id"] == made)


def test_the_status_of_each_messenger_is_shown(providers: ProviderServer, api: Caller) -> None:
    shown = {one["name"]: one for one in api.json("GET", "/api/messengers")["messengers"]}
    assert all(one["configured"] and one["connected"] for one in shown.values())
    assert api.json("GET", "/api/whatsapp/qr") == {"status": "connected", "hasQR": False, "qr": None}
    health = api.json("GET", "/health")
    assert (health["queue_depth"], health["waiting_for_retry"]) == (0, 0)

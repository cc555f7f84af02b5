"""Notifications over HTTP, to providers that answer as theirs document it: every way in which they may fail."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import token
from tests.support.world import answer
from tests.system.conftest import QUICK
from tests.system.messengers import Outside, environment, outside
from tests.system.stack import ORG, PATIENCE, Caller, Stack, stack, until

SNIPPET = Path(__file__).parent / "snippets" / "messenger" / "notify.sh"
LATER = 5
"""Seconds to the second attempt."""


@pytest.fixture(scope="module")
def world() -> Iterator[Outside]:
    with outside() as found:
        yield found


@pytest.fixture(scope="module")
def told(world: Outside) -> Iterator[Stack]:
    """A stack whose org has every messenger."""
    with stack(LOG_LEVEL="CRITICAL", MESSENGERS=environment(world, ORG), **QUICK) as ready:
        yield ready


@pytest.fixture
def api(told: Stack) -> Caller:
    """With a plan that allows more than 60 requests a minute, since it looks again and again."""
    return Caller(told.urls["messenger"], token("admin", ORG, plan="enterprise"))


def statuses(api: Caller, made: str) -> dict[str, Any]:
    found = api.json("GET", "/api/notifications")["notifications"]
    return {name: said["status"] for one in found if one["id"] == made for name, said in one["providers"].items()}


def all_sent(api: Caller, made: str) -> None:
    until(lambda: statuses(api, made), lambda found: set(found.values()) == {"sent"})


def test_the_documents_own_curl_notifies(told: Stack, world: Outside, api: Caller, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("notify.sh needs curl, which is not on this machine")
    text = SNIPPET.read_text()
    assert text.count("http://localhost:8004") == 1
    script = tmp_path / "notify.sh"
    script.write_text(text.replace("http://localhost:8004", told.urls["messenger"]))
    run = subprocess.run(["sh", str(script)], capture_output=True, text=True, timeout=PATIENCE, check=True)
    made = json.loads(run.stdout)
    assert made["providers"] == dict.fromkeys(("telegram", "whatsapp", "discord"), "queued")
    all_sent(api, made["id"])
    assert world.telegram.sent[-1]["text"] == world.whatsapp.sent[-1]["text"] == "ℹ️ Hello!"
    assert world.discord.sent[-1]["content"] == "ℹ️ Hello!"


def test_what_providers_refuse_comes_later_and_once(world: Outside, api: Caller) -> None:
    """Telegram is busy, Discord broken, and WhatsApp's key expired; what none of them took, each gets once."""
    before = [len(one.sent) for one in world.providers.values()]
    said = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 2}}
    world.telegram.reply, world.discord.reply = answer(429, said), answer(502)
    world.whatsapp.reply = answer(401, {"message": "Unauthorized", "statusCode": 401})
    asked = world.telegram.asked
    made = api.json("POST", "/api/notify", {"message": "later", "type": "warning"})["id"]
    until(lambda: [one.asked for one in world.providers.values()], lambda found: found[0] > asked and all(found))
    until(lambda: api.json("GET", "/api/notifications")["notifications"][0], refused_everywhere)
    for one in world.providers.values():
        one.reply = None
    all_sent(api, made)
    assert [len(one.sent) for one in world.providers.values()] == [number + 1 for number in before]


def refused_everywhere(shown: Any) -> bool:
    return all(one["error"] for one in shown["providers"].values())


def test_one_that_hangs_and_one_that_talks_garbage_hold_up_no_other(world: Outside, api: Caller) -> None:
    world.hanging.add("telegram")
    world.garbling.add("discord")
    before, begun = len(world.whatsapp.sent), time.monotonic()
    made = [api.json("POST", "/api/notify", {"message": str(number)})["id"] for number in range(5)]
    until(lambda: len(world.whatsapp.sent), lambda found: found == before + 5)
    assert time.monotonic() - begun < LATER, "WhatsApp waited for nobody"
    problem = until(lambda: error_of(api, made[0], "discord"), bool)
    assert problem == "no answer: closed"
    wanted = [len(one.sent) + 5 for one in (world.telegram, world.discord)]
    world.hanging.clear()
    world.garbling.clear()
    until(lambda: [len(one.sent) for one in (world.telegram, world.discord)], lambda found: found >= wanted)
    for one in made:
        all_sent(api, one)
    assert len(world.whatsapp.sent) == before + 5


def error_of(api: Caller, made: str, provider: str) -> Any:
    found = api.json("GET", "/api/notifications")["notifications"]
    return next(one["providers"][provider]["error"] for one in found if one["id"] == made)


def test_how_they_are_doing(world: Outside, api: Caller) -> None:
    shown = {one["name"]: one for one in api.json("GET", "/api/messengers")["messengers"]}
    assert all(one["configured"] and one["connected"] for one in shown.values())
    assert api.json("GET", "/api/whatsapp/qr") == {"status": "connected", "hasQR": False, "qr": None}
    health = api.json("GET", "/health")
    assert (health["queue_depth"], health["waiting_for_retry"]) == (0, 0)

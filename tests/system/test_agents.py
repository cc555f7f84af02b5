"""The agents of docs/how-to/write-an-agent.md, unchanged, with the real stack."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.client import token
from tests.system.stack import ORG, Caller, Stack, environment, wait_until

ROOT = Path(__file__).parents[2]
FETCHES, IS_CALLED, CONNECTS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs/how-to/write-an-agent.md").read_text(), re.S
)
KEY = "an-agent-s-own-key"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize("way", ["fetches", "is called", "connects"])
def test_an_agent_of_the_docs_does_its_task(yard: Stack, way: str, tmp_path: Path) -> None:
    manager, port = Caller(yard.urls["projects"], token("admin", ORG, "agents", "enterprise")), free_port()
    code, fields = {
        "fetches": (FETCHES.replace("time.sleep(10)", "time.sleep(0.2)"), {}),
        "is called": (IS_CALLED.replace("9100", str(port)), {"endpoint": f"http://127.0.0.1:{port}/"}),
        "connects": (CONNECTS, {"socket": True}),
    }[way]
    body = {"name": way, "type": "coding", "apiKey": KEY} | fields
    agent_id = manager.json("POST", "/api/v1/agents", body)["data"]["id"]
    script = tmp_path / "agent.py"
    script.write_text(code.replace("localhost:3000", yard.urls["projects"].removeprefix("http://")))
    words = [KEY] if way == "is called" else [agent_id, KEY]
    with subprocess.Popen([sys.executable, str(script), *words], env=environment()) as process:
        try:
            task = {"title": way, "description": "three short words", "agentId": agent_id}
            path = f"/api/v1/tasks/{manager.json('POST', '/api/v1/tasks', task)['data']['id']}"
            done = wait_until(lambda: manager.json("GET", path)["data"], lambda found: found["status"] == "completed")
            assert (done["result"], done["agentId"]) == ({"words": 3}, agent_id)
        finally:
            process.kill()

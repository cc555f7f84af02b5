"""The document's own client code of the projects API, unchanged but for the address, with our SDKs. Its API key,
project, agents and people are seeded. The code around a snippet defines what it uses, and calls its functions."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.system import node
from tests.system.lines import Lines, running
from tests.system.stack import PATIENCE, Caller, Stack, wait_until

CLIENTS = Path(__file__).parents[2] / "clients"
SNIPPETS = Path(__file__).parent / "snippets" / "projects"
KEY = "your-api-key"
TASKS = "/api/v1/tasks"


@pytest.fixture
def person(yard: Stack) -> Caller:
    return Caller(yard.urls["projects"], KEY)


def snippet_for(name: str, url: str) -> str:
    text = (SNIPPETS / name).read_text()
    assert text.count("localhost:3000") == 1
    return text.replace("localhost:3000", url.removeprefix("http://"))


def move(person: Caller, task: str, **change: object) -> None:
    person.json("PATCH", f"{TASKS}/{task}", change)


@pytest.fixture
def packages(tmp_path: Path) -> str:
    """A NODE_PATH with the SDK under its installed name."""
    if shutil.which("node") is None:
        pytest.skip("needs node, which is not on this machine")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "orchestrator-sdk").symlink_to(CLIENTS / "javascript")
    return str(tmp_path / "node_modules")


def test_the_javascript_sdk_s_example_runs(person: Caller, packages: str, tmp_path: Path) -> None:
    person.json("POST", "/api/v1/agents", {"name": "Coder", "type": "coding"})
    script = tmp_path / "sdk.cjs"
    calls = "listAgents().then(createTask).then((task) => watchTask(task.id));"
    script.write_text(f"{snippet_for('sdk.cjs', person.url)}\n{calls}")
    with running("node", str(script), NODE_PATH=packages) as process:
        lines = Lines(process)
        assert int(lines.read_line_with("available coding agents").split()[1]) >= 1
        task = lines.read_line_with("Task created:").split()[-1]
        lines.read_line_with(f"Task {task} progress: 0%")
        move(person, task, status="active", progress=0.5)
        lines.read_line_with(f"Task {task} progress: 50%")
        move(person, task, status="completed")
        lines.read_line_with(f"Task {task} completed!")
        assert process.wait(PATIENCE) == 0


def test_the_python_sdk_s_example_runs(person: Caller, tmp_path: Path) -> None:
    script = tmp_path / "sdk.py"
    script.write_text(snippet_for("sdk.py.txt", person.url))
    command = (sys.executable, "-u", str(script))
    with running(*command, PYTHONPATH=str(CLIENTS / "python")) as process:
        lines = Lines(process)
        task = lines.read_line_with("Task created:").split()[-1]
        lines.read_line_with("Progress: 0")
        move(person, task, status="active", progress=0.5)
        lines.read_line_with("Progress: 50.0%")
        move(person, task, status="completed")
        lines.read_line_with("Task completed!")
        assert process.wait(PATIENCE) == 0


def test_the_documents_shell_script_runs(person: Caller, tmp_path: Path) -> None:
    if not all(map(shutil.which, ("bash", "curl", "jq"))):
        pytest.skip("monitor.sh needs bash, curl and jq, which are not on this machine")
    script = tmp_path / "monitor.sh"
    script.write_text(snippet_for("monitor.sh", person.url))
    with running("bash", str(script)) as process:
        lines = Lines(process)
        task = lines.read_line_with("Created task:").split()[-1]
        move(person, task, status="completed")
        lines.read_line_with(f"Task {task}: completed (1% complete)")
        assert process.wait(PATIENCE) == 0


JWT, OLD_KEY = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...", "ak_1234567890abcdef..."
PICTURE = b"\x89PNG\r\n\x1a\n and so on"


def test_the_commands_one_after_the_other(person: Caller, tmp_path: Path) -> None:
    """Placeholders for tokens and keys are replaced by the answers of earlier commands; everything else is
    unchanged."""
    if not all(map(shutil.which, ("bash", "curl"))):
        pytest.skip("curl.sh needs bash and curl, which are not on this machine")
    (tmp_path / "design-mockup.png").write_bytes(PICTURE)
    meant = {"http://localhost:3000": person.url}
    for command in (SNIPPETS / "curl.sh").read_text().split("\n\n"):
        for placeholder, value in meant.items():
            command = command.replace(placeholder, value)
        answer = json.loads(run_command(command, tmp_path))
        assert "error" not in answer, (command, answer)
        meant |= copied_values(answer)


def copied_values(answer: Any) -> dict[str, str]:
    """The values that a reader would copy from an answer: placeholder -> text."""
    if "accessToken" in answer:
        token = answer["accessToken"]
        bearer = {f"Bearer {JWT}": f"Bearer {token}", "YOUR_JWT_TOKEN": token, "YOUR_TOKEN": token}
        return bearer | {JWT: answer["refreshToken"]}
    return {OLD_KEY: answer["data"]["key"]} if "key" in answer["data"] else {}


def run_command(command: str, folder: Path) -> str:
    run = ("bash", "-c", command)
    done = subprocess.run(run, capture_output=True, text=True, cwd=folder, timeout=PATIENCE, check=True)
    return done.stdout


APP = """
const http = require('http');
const app = {
  post: (path, handle) => http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part)).on('end', () => {
      request.body = JSON.parse(Buffer.concat(parts));
      response.status = (status) => { response.statusCode = status; return { send: (text) => response.end(text) }; };
      handle(request, response);
    });
  }).listen(0, '127.0.0.1', function () { console.log('listening', this.address().port); }),
};
"""
"""The part of Express that the document's receiver uses."""


def test_the_documents_receiver_accepts_webhooks(person: Caller, packages: str, tmp_path: Path) -> None:
    script = tmp_path / "webhook.cjs"
    text = (SNIPPETS / "webhook.cjs").read_text()
    assert text.count("const crypto = require('crypto');") == 1
    script.write_text(APP + text)
    with running("node", str(script), NODE_PATH=packages, WEBHOOK_SECRET="your-webhook-secret") as process:
        lines = Lines(process)
        url = f"http://127.0.0.1:{lines.read_line_with('listening').split()[-1]}/webhook"
        webhook_fields = {"url": url, "events": ["task.created"], "secret": "your-webhook-secret"}
        hook = person.json("POST", "/api/v1/webhooks", webhook_fields)["data"]["id"]
        task = person.json("POST", TASKS, {"title": 'Größe "1.0" 🎉', "progress": 1.0})["data"]["id"]
        assert task in "".join(lines.read_until(lambda line: task in line))
        path = f"/api/v1/webhooks/{hook}"
        wait_until(
            lambda: person.json("GET", f"{path}/deliveries")["data"],
            lambda found: [one["status"] for one in found] == ["delivered"],
        )
        forged = {"x-orchestrator-signature": f"sha256={'0' * 64}"}
        assert requests.post(url, json={}, headers=forged, timeout=PATIENCE).status_code == 401
        person.json("DELETE", path)


def test_the_documents_live_feed_shows_events(person: Caller, tmp_path: Path) -> None:
    around = """
const WebSocket = require('ws');
const handleTaskUpdate = (task) => console.log('task', task.id, task.status);
const handleAgentStatusChange = (agent) => console.log('agent', agent.id);
"""
    after = "ws.on('message', (data) => console.log('heard', JSON.parse(data).type));"
    text = f"{around}{snippet_for('live.cjs', person.url)}{after}"
    script = node.place_script(SNIPPETS / "live.cjs", text, tmp_path)
    with running("node", str(script)) as process:
        lines = Lines(process)
        lines.read_line_with("heard subscribed")
        elsewhere = person.json("POST", TASKS, {"title": "Of no project"})["data"]["id"]
        task = person.json("POST", TASKS, {"title": "Of the project", "projectId": "proj-123"})["data"]["id"]
        for one in (elsewhere, task):
            move(person, one, status="active")
        seen = lines.read_until(lambda line: f"task {task} active" in line)
        assert "heard task.created\n" in seen
        assert elsewhere not in "".join(seen)


PRACTICES = """
const { OrchestratorClient } = require('orchestrator-sdk');
const URL = 'http://localhost:3000';
const client = new OrchestratorClient({ baseUrl: URL, apiKey: 'your-api-key' });
const wait = setTimeout;
const setInterval = (work) => work();  // thirty seconds have passed
%s
class Caller extends AuthenticatedClient {
  isTokenExpired() { return true; }
  async post(path, body) {
    (this.asked ||= []).push(path);
    const headers = { 'Content-Type': 'application/json' };
    return (await fetch(`${URL}/api${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  }
}
(async () => {
  const all = await getAllTasks();
  const cached = new CachedClient(client);
  const agent = await cached.getAgent('agent-456');
  const caller = new Caller({ email: 'admin@orchestrator.com', password: 'admin123' });
  await caller.ensureAuthenticated();
  await caller.ensureAuthenticated();
  const missing = await apiCallWithRetry(() => client.tasks.get('nothing')).catch((error) => error.status);
  console.warn = console.error = (...words) => { throw new Error(words.join(' ')); };
  await monitorApiHealth();
  console.log(JSON.stringify({
    tasks: all.length,
    agent: agent.name,
    cached: agent === await cached.getAgent('agent-456'),
    asked: caller.asked,
    held: typeof caller.token,
    missing,
  }));
})();
"""


def test_the_documents_best_practices_run(person: Caller, packages: str, tmp_path: Path) -> None:
    names = ("pages.cjs", "cached.cjs", "authenticated.cjs", "retry.cjs", "health.cjs")
    script = tmp_path / "practices.cjs"
    text = PRACTICES % "\n".join((SNIPPETS / name).read_text() for name in names)
    script.write_text(text.replace("http://localhost:3000", person.url))
    with running("node", str(script), NODE_PATH=packages) as process:
        [line] = Lines(process).read_until(lambda line: line.startswith("{"))
    found = json.loads(line)
    assert found.pop("tasks") >= 1
    assert found == {
        "agent": "Full Stack Developer Bot",
        "cached": True,
        "asked": ["/auth/login", "/auth/refresh"],
        "held": "string",
        "missing": 404,
    }

"""A day of the projects API's readers: applications with a user's consent, administrators, subscribers."""

from chalicelib.apis import projects
from chalicelib.engine.accounts import api_keys, users
from chalicelib.engine.accounts.api_keys import KeyRequest
from chalicelib.engine.accounts.users import Profile
from tests.apis.projects.browser import SCOPES, Browser, application, authorization_query, exchange_code
from tests.domain.files.test_image_size import png
from tests.infra.calls import Watch
from tests.infra.clients import Client, ClientConnection, token
from tests.support import client as http
from tests.support import parts, people
from tests.support.people import PASSWORD
from tests.support.world import ORG, World, clear_caches

AGENTS, USERS, SYSTEM, TASKS = "/api/v1/agents", "/api/v1/users", "/api/v1/system", "/api/v1/tasks"
AGENT = f"{AGENTS}/{{agentId}}"


def run(watch: Watch, world: World) -> None:
    """The readers' part of the day."""
    client = Client(watch, projects.api)
    authorize_application(watch)
    look(client, world)
    subscribe(watch, client, world)


def authorize_application(watch: Watch) -> None:
    """Register an application; a user agrees, and the application gets tokens."""
    users.ensure_user(ORG, "user_lea", Profile("lea@acme.example", "Lea", "developer", "free"), PASSWORD)
    browser = Browser(http.Client(projects.api))
    with watch.running("projects.api_handler"):
        known, secret = application()
        granted = browser.grant(users.get(ORG, "user_lea"), **authorization_query(known, scope=" ".join(SCOPES)))
        assert exchange_code(browser.client, known, secret, granted["code"]).status == 200


def look(client: Client, world: World) -> None:
    """Read agents, users and the system; upload a picture."""
    agent = client("POST", AGENTS, {"name": "seen", "type": "coding"})["data"]["id"]
    client("GET", AGENTS)
    client("GET", AGENT, query={"include": "tasks,metrics,logs"}, agentId=agent)
    for what in ("heartbeat", "disable", "enable"):
        client("POST", f"{AGENT}/{what}", agentId=agent)
    client("PUT", AGENT, {"name": "known"}, agentId=agent)
    client("GET", USERS)
    client("POST", f"{USERS}/me/avatar", parts.body(parts.file(png(1, 1), at="avatar")))
    for page in ("health", "metrics", "status", "logs"):
        world.clock.advance(15)
        client("GET", f"{SYSTEM}/{page}")


def subscribe(watch: Watch, client: Client, world: World) -> None:
    """Subscribers of every kind get events, lose their connection or permission, return, and leave."""
    lea = users.get(ORG, "user_lea")
    (_, key), (lost, other) = (api_keys.create(ORG, lea.id, KeyRequest("x", ("tasks:read",))) for _ in range(2))
    lines = [ClientConnection(watch, world, "/ws", token=one) for one in (token(), people.token(lea), key, other)]
    for line in lines:
        line.say("subscribe", channel="tasks")
        line.say("ping")
    world.settle()
    world.sockets.drop(lines[0].id)
    api_keys.revoke(ORG, lea.id, lost.id)
    clear_caches()  # a new process may send the events
    client("POST", TASKS, {"title": "told"})
    world.settle()
    lines[1].say("unsubscribe", channel="tasks")
    for line in lines[1:3]:
        line.leave()
    late = ClientConnection(watch, world, "/ws")
    late.say("subscribe", channel="tasks", since=0)
    world.settle()
    late.leave()

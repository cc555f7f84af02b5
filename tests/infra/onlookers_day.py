"""Who looks on at the projects API in a day: applications with a user's leave, administrators, subscribers."""

from chalicelib.apis import projects
from chalicelib.engine.accounts import api_keys, users
from chalicelib.engine.accounts.api_keys import KeyRequest
from chalicelib.engine.accounts.users import Profile
from tests.apis.projects.browser import SCOPES, Browser, application, asked, code_exchange
from tests.domain.files.test_image_size import png
from tests.infra.calls import Watch
from tests.infra.clients import Client, Line, token
from tests.support import client as http
from tests.support import parts, people
from tests.support.people import PASSWORD
from tests.support.world import ORG, World, clear_caches

AGENTS, USERS, SYSTEM, TASKS = "/api/v1/agents", "/api/v1/users", "/api/v1/system", "/api/v1/tasks"
AGENT = f"{AGENTS}/{{agentId}}"


def whole(made: Watch, world: World) -> None:
    """The onlookers' part of the day."""
    client = Client(made, projects.api)
    give_leave(made)
    look(client, world)
    subscribe(made, client, world)


def give_leave(made: Watch) -> None:
    """An application is registered, asks a user, and gets tokens."""
    users.ensure_user(ORG, "user_lea", Profile("lea@acme.example", "Lea", "developer", "free"), PASSWORD)
    browser = Browser(http.Client(projects.api))
    with made.running("projects.api_handler"):
        known, secret = application()
        granted = browser.granted(users.get(ORG, "user_lea"), **asked(known, scope=" ".join(SCOPES)))
        assert code_exchange(browser.client, known, secret, granted["code"]).status == 200


def look(client: Client, world: World) -> None:
    """What is asked of agents, users and the system; somebody shows a picture."""
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


def subscribe(made: Watch, client: Client, world: World) -> None:
    """Subscribers of every kind are told, lose their connection or their leave, come back, and leave."""
    lea = users.get(ORG, "user_lea")
    (_, key), (lost, other) = (api_keys.create(ORG, lea.id, KeyRequest("x", ("tasks:read",))) for _ in range(2))
    lines = [Line(made, world, "/ws", token=one) for one in (token(), people.token(lea), key, other)]
    for line in lines:
        line.say("subscribe", channel="tasks")
        line.say("ping")
    world.settle()
    world.sockets.drop(lines[0].id)
    api_keys.revoke(ORG, lea.id, lost.id)
    clear_caches()  # what is told may be told by a new process
    client("POST", TASKS, {"title": "told"})
    world.settle()
    lines[1].say("unsubscribe", channel="tasks")
    for line in lines[1:3]:
        line.leave()
    late = Line(made, world, "/ws")
    late.say("subscribe", channel="tasks", since=0)
    world.settle()
    late.leave()

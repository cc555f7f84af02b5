"""A day of webhooks and notifications: receivers answer, fail, ask for pauses, disappear and return."""

from chalicelib.apis import projects
from chalicelib.config import settings
from chalicelib.engine.accounts import users
from chalicelib.engine.accounts.users import Profile
from chalicelib.engine.documents import documents
from chalicelib.engine.webhooks import redelivery
from tests.infra.calls import Watch
from tests.infra.clients import Client, wait
from tests.support.people import PASSWORD
from tests.support.world import ORG, World, answer

WEBHOOKS, TASKS, ME = "/api/v1/webhooks", "/api/v1/tasks", "/api/v1/users/me/notifications"
WEBHOOK, DELIVERIES = f"{WEBHOOKS}/{{webhookId}}", f"{WEBHOOKS}/{{webhookId}}/deliveries"
TOPICS = ["task.created", "task.completed", "project.created", "project.completed", "agent.created"]


def run(watch: Watch, world: World) -> None:
    """The webhooks' part of the day."""
    client = Client(watch, projects.api)
    documents.create(documents.new(ORG, "org", {"name": "Acme Corp"}, id="org"))
    users.ensure_user(ORG, "ops", Profile("ops@acme.example", "Ops", "admin", "free"), PASSWORD)
    said = {"url": "https://hooks.example/", "events": TOPICS}
    webhook = client("POST", WEBHOOKS, said)["data"]["id"]
    for reply in (answer(200), answer(500), answer(200), answer(500)):
        world.servers["hooks.example"] = lambda *_, reply=reply: reply
        announce_twice(client, world)
        client("POST", f"{WEBHOOK}/test", webhookId=webhook)
    for awake in (True, False):
        wait(world, 400, awake)
    world.settle()
    ask_again(client, world, webhook)
    answer_gone(client, world, webhook)


def announce_twice(client: Client, world: World) -> None:
    """Change a task, an agent and a project, and announce the changes twice."""
    client("POST", TASKS, {"title": "t"})
    client("POST", "/api/v1/agents", {"name": "a", "type": "coding"})
    client("POST", "/api/v1/projects", {"name": "p"})
    world.settle()
    world.clock.advance(600)
    for table in ("documents", "tasks", "workers"):
        world.rewind(table, 5)
    world.settle()


def ask_again(client: Client, world: World, webhook: str) -> None:
    """Request again the deliveries that were given up while the webhook was switched off: directly, and in the
    background after a wakeup, or by the sweep if the wakeup is lost."""
    before, redelivery.RECOVERY_BATCH = redelivery.RECOVERY_BATCH, 1
    for lost in (False, True):
        switch_off(client, world, webhook)
        client("POST", f"{WEBHOOK}/recover", {"since": "2026-01-01"}, webhookId=webhook)
        if lost:
            world.relay("documents", limit=1000)
            world.queues.queues[settings().wakeups_queue].clear()
            world.advance(120, settle=False)
        world.settle()
    redelivery.RECOVERY_BATCH = before
    switch_off(client, world, webhook)
    found = client("GET", DELIVERIES, query={"status": "failed"}, webhookId=webhook)["data"]
    one = {"webhookId": webhook, "deliveryId": found[0]["id"]}
    client("GET", f"{DELIVERIES}/{{deliveryId}}", **one)
    client("POST", f"{DELIVERIES}/{{deliveryId}}/resend", **one)
    client("GET", DELIVERIES, webhookId=webhook)


def switch_off(client: Client, world: World, webhook: str) -> None:
    """Switch the webhook off until its deliveries are given up, then on again."""
    client("PUT", WEBHOOK, {"active": False}, webhookId=webhook)
    world.clock.advance(86_400)
    world.settle()
    world.advance(240)
    client("PUT", WEBHOOK, {"active": True}, webhookId=webhook)


def answer_gone(client: Client, world: World, webhook: str) -> None:
    """The receiver answers that it is gone; administrators read the notification."""
    client("POST", f"{WEBHOOK}/rotate-secret", {}, webhookId=webhook)
    world.servers["hooks.example"] = lambda *_: answer(410)
    client("POST", f"{WEBHOOK}/test", webhookId=webhook)
    world.settle()
    client("PUT", WEBHOOK, {"active": True}, webhookId=webhook)
    announce_twice(client, world)
    [found, *_] = client("GET", ME)["data"]
    client("PUT", f"{ME}/{{notificationId}}/read", notificationId=found["id"])
    client("PUT", f"{ME}/read-all")
    client("GET", WEBHOOKS)
    client("DELETE", WEBHOOK, webhookId=webhook)

"""The scene of the projects API: an org with its users, and each kind of resource that a user can create."""

from typing import Any
from urllib.parse import urlencode

from chalicelib import ids
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.accounts.users import Profile
from chalicelib.engine.oauth import browser_sessions, clients, codes
from chalicelib.engine.oauth.clients import Client as Application
from tests.contract.documented import Documented, Resource
from tests.contract.faces.projects.values import AGENT, APPLICATION, EMAIL, HOOK, PASSWORD, PROJECT, TASK
from tests.support import people
from tests.support.client import Client
from tests.support.world import ORG, World, answer

TAKES = {"status": "completed", "actualHours": 2, "qualityScore": 0.85}


def caller(world: World, org: str) -> str:
    """Sign in the user of the document's example; returns their access token."""
    email = EMAIL if org == ORG else people.email("John", org)
    for address, name, password in (
        (email, "John Doe", PASSWORD),
        ("admin@orchestrator.com", "Administrator", "admin123"),
    ):
        users.ensure_user(org, ids.ordered("user"), Profile(address, name, "admin", "enterprise"), password)
    return sessions.open_session(users.sign_in(email, PASSWORD, "192.0.2.1")).access_token


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A project with members, an agent and tasks in three states, and the other resources of the API."""

    def call(method: str, path: str, body: Any = None, by: str = caller, **more: Any) -> Any:
        reply = client.request(method, path, body, token=by, **more)
        assert reply.status in (200, 201), reply.text
        return reply.json["data"]

    def create(path: str, body: Any) -> str:
        return str(call("POST", path, body)["id"])

    world.servers["your-app.com"] = lambda *_: answer(200)
    me = users.get((account := call("GET", "/api/v1/users/me"))["organizationId"], account["id"])
    member, newcomer = (people.user(world, "developer", org=me.org, name=name) for name in ("Jane", "Joe"))
    invited = users.invite(me.org, Profile(people.email("Jim", me.org), "Jim", "developer", "free"), me.id)
    _upload_picture(client, caller)
    webhook, agent = create("/api/v1/webhooks", HOOK), create("/api/v1/agents", AGENT)
    team = [{"userId": member.id, "role": "developer"}]
    project = create("/api/v1/projects", PROJECT | {"teamMembers": team, "agents": [agent]})
    pending, active, finished = (
        create("/api/v1/tasks", TASK | {"projectId": project, "agentId": who}) for who in (None, agent, agent)
    )
    world.settle()
    call("PATCH", f"/api/v1/tasks/{finished}?agentId={agent}", TAKES)
    call("PATCH", f"/api/v1/tasks/{active}", {"progress": 0.4, "actualHours": 3.5, "qualityScore": 0.85})
    said = {"content": "Look at this", "mentions": [me.id]}
    comment = call("POST", f"/api/v1/tasks/{active}/comments", said, by=people.token(member))["id"]
    content, headers = Documented("", sent_as="multipart/form-data").encode({"file": "@auth-component.png"})
    file = call("POST", f"/api/v1/tasks/{active}/files", content, headers=headers)["id"]
    world.settle()
    [delivery, *_] = call("GET", f"/api/v1/webhooks/{webhook}/deliveries")
    [notification, *_] = call("GET", "/api/v1/users/me/notifications")
    key = create("/api/v1/auth/api-keys", {"name": "My Integration", "permissions": ["tasks:read"]})
    tokens = _tokens(me, call("POST", "/api/v1/oauth/clients", APPLICATION))
    named = {
        "me": ("User", me.id),
        "pictured": ("User", me.id),
        "user": ("User", member.id),
        "member": ("Member", member.id),
        "newcomer": ("User", newcomer.id),
        "invited": ("User", invited.user.id),
        "invitation": ("Invitation", invited.token),
        "webhook": ("Webhook", webhook),
        "delivery": ("Delivery", delivery["id"]),
        "agent": ("Agent", agent),
        "project": ("Project", project),
        "pending": ("Task", pending),
        "active": ("Task", active),
        "comment": ("Comment", comment),
        "file": ("File", file),
        "notification": ("Notification", notification["id"]),
        "key": ("Key", key),
    }
    return {name: Resource(*resource) for name, resource in named.items()} | tokens


def _upload_picture(client: Client, caller: str) -> None:
    content, headers = Documented("", sent_as="multipart/form-data").encode({"avatar": "@me.png"})
    client.post("/api/v1/users/me/avatar", content, token=caller, headers=headers)


def _tokens(me: Any, registered: Any) -> dict[str, Resource]:
    """Texts that are no ids: a session's refresh token, and what the OAuth pages and token exchange need."""
    application = clients.find(registered["clientId"])
    assert isinstance(application, Application)
    code, visit, signed_in = ids.secret("code"), browser_sessions.new_session(), browser_sessions.new_session(me)
    codes.issue(application, me.id, "tasks:read", None, None, code)
    texts = {
        "refresh": sessions.open_session(me).refresh_token,
        "client": application.id,
        "secret": registered["clientSecret"],
        "code": code,
        "asked": urlencode({"client_id": application.id, "response_type": "code", "scope": "tasks:read"}),
        "visit": f"visit={browser_sessions.sign_cookie(visit)}",
        "word": visit.word,
        "signed in": f"visit={browser_sessions.sign_cookie(signed_in)}",
        "signed word": signed_in.word,
    }
    return {name: Resource("Client", text) for name, text in texts.items()}

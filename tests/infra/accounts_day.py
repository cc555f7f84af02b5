"""A day of accounts: a user is invited, signs in, creates a key, works, and is deleted."""

from typing import Any

from chalicelib.apis import projects
from chalicelib.engine.accounts import users
from chalicelib.engine.accounts.users import Profile
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.world import ORG, World

AUTH, KEYS, USERS, TASKS = "/api/v1/auth", "/api/v1/auth/api-keys", "/api/v1/users", "/api/v1/tasks"
EMAIL, PASSWORD = "eve@acme.example", "correct horse battery"


def run(watch: Watch, world: World) -> None:
    """From the invitation to the clean-up after the user."""
    admin, eve = Client(watch, projects.api), Client(watch, projects.api)
    user = join(admin, eve)
    work(eve)
    world.settle()
    users.ensure_user(ORG, "user_boss", Profile("boss@acme.example", "Boss", "admin", "free"), PASSWORD)
    for role in ("admin", "developer"):
        admin("PUT", f"{USERS}/{{userId}}", {"role": role}, userId=user)
    admin("DELETE", f"{USERS}/{{userId}}", userId=user)
    world.settle()
    world.advance(180)


def join(admin: Client, eve: Client) -> str:
    user = str(admin("POST", USERS, {"email": EMAIL, "name": "Eve"})["data"]["id"])
    invited = admin("POST", f"{USERS}/{{userId}}/invitation", userId=user)["data"]
    eve("POST", f"{AUTH}/accept-invitation", {"token": invited["invitationToken"], "password": PASSWORD})
    eve.call_with(login(eve)["accessToken"])
    eve("POST", f"{AUTH}/logout", {"refreshToken": login(eve)["refreshToken"]})
    renewed = eve("POST", f"{AUTH}/refresh", {"refreshToken": login(eve)["refreshToken"]})["data"]
    eve.call_with(renewed["accessToken"])
    return user


def login(eve: Client) -> Any:
    return eve("POST", f"{AUTH}/login", {"email": EMAIL, "password": PASSWORD})["data"]


def work(eve: Client) -> None:
    kept, made = (eve("POST", KEYS, {"name": "x", "permissions": ["tasks:read"]})["data"] for _ in range(2))
    eve("GET", TASKS, key=made["key"])
    eve("GET", KEYS)
    eve("DELETE", f"{KEYS}/{{keyId}}", keyId=kept["id"])
    eve("GET", f"{USERS}/me")
    eve("PUT", f"{USERS}/me/password", {"currentPassword": PASSWORD, "newPassword": PASSWORD[::-1]})
    task = eve("POST", TASKS, {"title": "x"})["data"]["id"]
    eve("PATCH", f"{TASKS}/{{taskId}}", {"status": "active"}, taskId=task)

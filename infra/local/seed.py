"""Seed the local stack with the projects API's example data: users, agents, a project, a task, an API key and an OAuth
application.

Each is created unless it exists, so that seeding twice, or two processes at once, does no harm. Only the local stack is
seeded.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from chalicelib.apis.projects.access import NAME
from chalicelib.apis.projects.agents.schemas import AgentIn
from chalicelib.apis.projects.permissions import ALL_PERMISSIONS
from chalicelib.apis.projects.projects.schemas import MemberIn, ProjectIn
from chalicelib.apis.projects.states import PRIORITY_NUMBER
from chalicelib.config import settings
from chalicelib.engine.accounts import api_keys, users
from chalicelib.engine.accounts.api_keys import KeyRequest
from chalicelib.engine.accounts.users import Profile
from chalicelib.engine.oauth import clients
from chalicelib.engine.oauth.clients import Registration
from chalicelib.engine.projects import projects, task_edits
from chalicelib.engine.projects.members import Grantor
from chalicelib.engine.projects.task_edits import Draft
from chalicelib.engine.workers import registration
from chalicelib.errors import Conflict

ORG = "local"
PLAN = "enterprise"
ADMIN = Profile("admin@orchestrator.com", "Administrator", "admin", PLAN)
ADMIN_ID, PASSWORD = "user-123", "admin123"
DEVELOPERS = {
    "user-456": (Profile("user@example.com", "John Doe", "developer", PLAN), "password123"),
    "user-789": (Profile("jane.doe@example.com", "Jane Doe", "developer", PLAN), "password123"),
}
"""User id -> profile and password."""
API_KEY = "ak_LocalExampleKey0OnThisMachineAloneAndNowhereElse3s6UsT"
EXAMPLE_KEYS = {"your-api-key": API_KEY}
"""The placeholder in the document's examples -> the API key."""
CLIENT_ID, CLIENT_SECRET = "YOUR_CLIENT_ID", "YOUR_CLIENT_SECRET"
CLIENT = Registration(
    name="Example application",
    redirect_uris=(),  # `_application` adds the API's own page
    scopes=("tasks:read", "tasks:write", "agents:read", "projects:read"),
    public=False,
)
AGENTS = {
    "agent-123": AgentIn(
        name="Senior React Developer",
        type="coding",
        capabilities=["react", "typescript", "nodejs", "testing"],
        max_concurrent_tasks=3,
    ),
    "agent-456": AgentIn(
        name="Full Stack Developer Bot", type="coding", capabilities=["react", "nodejs", "python", "postgresql", "aws"]
    ),
    "agent-789": AgentIn(name="Senior Developer Bot", type="coding"),
}
PROJECT_ID, TASK_ID = "proj-123", "task-123"
PROJECT = ProjectIn(
    name="E-commerce Platform",
    description="Full-featured e-commerce platform with admin panel",
    priority="high",
    team_members=[MemberIn(user_id="user-456", role="developer")],
    agents=["agent-456", "agent-789"],
)
TASK = {
    "title": "Implement user authentication",
    "description": "Add JWT-based authentication to the application",
    "projectId": PROJECT_ID,
    "tags": ["authentication", "security"],
    "estimatedHours": 8,
}


def seed() -> None:
    """Seed this deployment."""
    _run_steps([_people, _key, _application, _agents, _project, _task])


def _run_steps(steps: Sequence[Callable[[], None]]) -> None:
    for step in steps:
        with suppress(Conflict):  # it exists
            step()


def _people() -> None:
    users.ensure_user(ORG, ADMIN_ID, ADMIN, PASSWORD)
    for identifier, (profile, password) in DEVELOPERS.items():
        users.ensure_user(ORG, identifier, profile, password)


def _key() -> None:
    api_keys.ensure_key(ORG, ADMIN_ID, API_KEY, KeyRequest("The document's examples", ALL_PERMISSIONS))


def _application() -> None:
    redirect_uri = f"{settings().api_urls['projects']}/oauth/done"
    clients.ensure_client(ORG, CLIENT_ID, CLIENT_SECRET, CLIENT._replace(redirect_uris=(redirect_uri,)))


def _agents() -> None:
    for identifier, agent in AGENTS.items():
        with suppress(Conflict):
            registration.register(ORG, agent.to_registration(NAME, PLAN)._replace(id=identifier), by=ADMIN_ID)


def _project() -> None:
    founder = MemberIn(user_id=ADMIN_ID, role="project-manager").member
    projects.create(
        ORG, PROJECT.stored_fields, PROJECT.team or {}, founder, Grantor(ADMIN_ID, ALL_PERMISSIONS), PROJECT_ID
    )


def _task() -> None:
    task_edits.create(ORG, NAME, ADMIN_ID, Draft(TASK, "task", PRIORITY_NUMBER["high"], id=TASK_ID))

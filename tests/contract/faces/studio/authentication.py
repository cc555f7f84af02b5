"""Sign-in with GitHub: the callers' own account is there, and GitHub, where one code stays valid."""

from chalicelib.engine.accounts import users
from chalicelib.engine.accounts.users import Profile
from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.github import AVATAR_URL, SETTINGS, github
from tests.support.world import ORG, World

CALLBACK, LOGOUT, ME = "POST /api/auth/github/callback", "POST /api/auth/logout", "GET /api/auth/me"
CODE, ADDRESS = "github_oauth_code", "user@example.com"
USER = {"user_id": "dev", "email": ADDRESS, "name": "User Name", "avatar_url": AVATAR_URL}


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """The caller has an account and has signed in before."""
    users.ensure_user(ORG, "dev", Profile(ADDRESS, "User Name", "developer", "enterprise"), "correct horse battery")
    github(world, ADDRESS).standing = CODE
    assert client.post("/api/auth/github/callback", {"code": CODE}).status == 200
    return {}


group = Group(
    build=build,
    settings=SETTINGS,
    public=(CALLBACK,),
    answers={CALLBACK: {"access_token": "jwt_token", "expires_in": 900, "user": USER}},
    decided={ME: {"user_id": "dev"}},  # the tests' callers name themselves
    elsewhere=(LOGOUT,),  # their token has no session
    missing=((CALLBACK, "code", {}),),
    bases={CALLBACK: {"code": CODE}},
    wrong=((CALLBACK, "code", ("", "a b", "a\n", "x" * 256, 7, None)),),
)

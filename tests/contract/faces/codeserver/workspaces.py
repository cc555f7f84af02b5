"""Files, git and workspaces."""

from itertools import count

from tests.contract.documented import Resource, without
from tests.contract.faces.group import Group
from tests.support.client import Client
from tests.support.git_server import process_server
from tests.support.world import World

INSTANT = "2026-01-27T06:15:30.000000"
HASH = "0123456789abcdef0123456789abcdef01234567"
REMOTE = "https://git.example/{org}.git"
FILE = {"content": "def hello():\n    print('Hello')", "encoding": "utf-8"}
COMMIT = {"message": "feat: Add authentication", "files": ["src/auth.py", "src/main.py"]}
ORIGIN = {"url": "https://git.example/team/app.git", "username": "dev", "password": "secret-of-the-remote"}


_numbers = count()


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """Two workspaces. The current one has a pushed commit, changed and new files."""
    server, name = process_server(), f"contract-{next(_numbers)}.git"
    server.create(name)
    world.servers["git.example"] = server.reply

    def send(method: str, path: str, body: object) -> str:
        reply = client.request(method, path, body, token=caller)
        assert reply.status < 300, reply.text
        return reply.text

    files = {"src/main.py": "print('Hello')\n", "README.md": "# Project\n", "requirements.txt": "fastapi\npydantic\n"}
    for path, text in files.items():
        send("POST", f"/api/files/{path}", {"content": text})
    send("POST", "/api/git/commit", {"message": "first"})
    send("PUT", "/api/git/remotes/origin", {"url": f"https://git.example/{name}"})
    send("POST", "/api/git/push", {})
    for path, text in {"src/main.py": "print('Starting')\n", "src/auth.py": "auth\n", "temp.log": "text\n"}.items():
        send("POST", f"/api/files/{path}", {"content": text})
    client.request("POST", "/api/workspaces", {"name": "other"}, token=caller)
    rows = client.get("/api/workspaces", token=caller).json["workspaces"]
    return {
        "file": Resource("File", "temp.log"),
        "remote": Resource("Remote", "origin"),
        "new file": Resource("File", "src/hello.js"),
        "workspace": Resource("Workspace", rows[-1]["id"]),
    }


group = Group(
    build=build,
    raw=("GET /api/files/{path+}",),
    on={
        "GET /api/files/{path+}": {"path": "file"},
        "POST /api/files/{path+}": {"path": "new file"},
        "DELETE /api/files/{path+}": {"path": "file"},
        "PUT /api/git/remotes/{name}": {"name": "remote"},
        "DELETE /api/git/remotes/{name}": {"name": "remote"},
    },
    chosen=("POST /api/files/{path+}", "PUT /api/git/remotes/{name}"),
    paths=("GET /api/files/{path+}", "DELETE /api/files/{path+}"),
    answers={
        "PUT /api/git/remotes/{name}": {
            "name": "origin",
            "url": ORIGIN["url"],
            "username": "dev",
            "has_password": True,
            "updated_at": INSTANT,
        },
        "GET /api/git/remotes": {
            "remotes": [
                {"name": "origin", "url": ORIGIN["url"], "username": None, "has_password": False, "updated_at": INSTANT}
            ],
            "total": 1,
        },
        "DELETE /api/git/remotes/{name}": {"name": "origin", "status": "deleted", "deleted_at": INSTANT},
        "POST /api/workspaces": {
            "id": "ws_1",
            "name": "second-project",
            "path": "/workspaces/second-project",
            "status": "inactive",
            "created_at": INSTANT,
        },
    },
    statuses={"POST /api/workspaces": 201},
    located=("POST /api/workspaces",),
    strangers={
        "POST /api/files/{path+}": 200,
        "POST /api/git/commit": 400,
        "GET /api/git/diff": 404,
        "POST /api/git/push": 409,
        "POST /api/git/pull": 409,
        "PUT /api/git/remotes/{name}": 200,
        "POST /api/workspaces": 201,
        "POST /api/workspace/switch": 404,
    },
    closed=(
        "POST /api/files/{path+}",
        "POST /api/git/commit",
        "POST /api/git/push",
        "POST /api/git/pull",
        "PUT /api/git/remotes/{name}",
    ),
    missing=(
        ("POST /api/files/{path+}", "content", without(FILE, "content")),
        ("POST /api/git/commit", "message", without(COMMIT, "message")),
        ("PUT /api/git/remotes/{name}", "url", without(ORIGIN, "url")),
        ("POST /api/workspaces", "name", {}),
        ("POST /api/workspace/switch", "workspace_id", {}),
    ),
    bases={
        "POST /api/files/{path+}": FILE,
        "POST /api/git/commit": COMMIT,
        "PUT /api/git/remotes/{name}": ORIGIN,
    },
    wrong=(
        ("POST /api/files/{path+}", "content", (7, None, ["text"])),
        ("POST /api/files/{path+}", "encoding", ("latin-1", "", 7, None)),
        ("POST /api/git/commit", "message", ("", "  ", "x" * 4001, "a\0b", "\x1b[2J", 7, None)),
        ("POST /api/git/commit", "files", ([], ["../etc"], [".git/config"], ["nowhere"], "README.md", [7])),
        ("POST /api/git/push", "branch", ("", "-x", "a..b", "a b", "x" * 201, 7)),
        ("POST /api/git/pull", "remote", ("", "../x", "a/b", 7, None)),
        ("PUT /api/git/remotes/{name}", "url", ("", "git@example.com:a/b", "ssh://git.example/a", 7, None)),
        ("PUT /api/git/remotes/{name}", "username", ("", "x" * 256, 7)),
        ("POST /api/workspaces", "name", ("", "..", "a/b", "x" * 65, 7, None)),
        ("POST /api/workspace/switch", "workspace_id", ("", "x" * 129, 7, None)),
    ),
    wrong_queries=(
        ("GET /api/files", "path", ("../..", "/workspace/../x", "/workspaces/nowhere")),
        ("GET /api/files", "recursive", ("perhaps",)),
        ("GET /api/files", "pattern", ("", "x" * 256, "*a" * 17)),
        ("GET /api/files", "limit", ("0", "-1", "5001", "ten")),
        ("GET /api/files", "offset", ("-1", "1000001", "99999999999999999999")),
        ("GET /api/git/log", "limit", ("0", "-1", "101", "ten")),
        ("GET /api/git/log", "author", ("", "x" * 256)),
        ("GET /api/git/log", "file", ("", "..", ".GIT/x")),
        ("GET /api/git/diff", "file", ("", "..", "a%5Cb", "a%00b")),
    ),
    volatile=frozenset({"id"}),
    stands_for={"workspace-uuid": "workspace"},
    instants=frozenset({"modified_at", "timestamp"}),
)

"""Workspaces over the API."""

from tests.apis.codeserver.conftest import CodeserverApi
from tests.support.client import token


def test_every_org_has_a_main_project(codeserver_api: CodeserverApi) -> None:
    found = codeserver_api.call("GET", "/api/workspaces")
    [row] = found["workspaces"]
    assert found["total"] == 1
    assert (row["name"], row["path"], row["status"]) == ("main-project", "/workspaces/main-project", "active")
    current = codeserver_api.call("GET", "/api/workspace/current")
    assert current["id"] == row["id"]
    assert (current["language"], current["framework"], current["dependencies"]) == (None, None, [])
    other = codeserver_api.request("GET", "/api/workspaces", token=token(org="umbra")).json["workspaces"][0]
    assert other["id"] != row["id"]


def test_each_workspace_has_its_own_files_and_history(codeserver_api: CodeserverApi) -> None:
    api = codeserver_api
    main = api.call("GET", "/api/workspace/current")["id"]
    api.call("POST", "/api/files/a", {"content": "main"})
    api.call("POST", "/api/git/commit", {"message": "in main"})
    made = api.call("POST", "/api/workspaces", {"name": "second"})
    assert made["status"] == "inactive"
    switched = api.call("POST", "/api/workspace/switch", {"workspace_id": made["id"]})
    assert (switched["name"], switched["status"]) == ("second", "active")
    assert api.request("GET", "/api/files/a").status == 404
    assert api.call("GET", "/api/git/log")["total"] == 0
    statuses = {row["name"]: row["status"] for row in api.call("GET", "/api/workspaces")["workspaces"]}
    assert statuses == {"main-project": "inactive", "second": "active"}
    api.call("POST", "/api/files/workspaces/second/b", {"content": "b"})
    assert api.request("POST", "/api/files/workspaces/main-project/b", {"content": "b"}).status == 400
    assert api.request("GET", "/api/files?path=/workspaces/main-project").status == 400
    api.call("POST", "/api/workspace/switch", {"workspace_id": main})
    assert api.request("GET", "/api/files/a").text == "main"
    assert api.request("GET", "/api/files/b").status == 404


def test_a_name_is_given_once(codeserver_api: CodeserverApi) -> None:
    for name in ("main-project", "second", "second"):
        reply = codeserver_api.request("POST", "/api/workspaces", {"name": name})
    assert reply.status == 409
    assert codeserver_api.call("GET", "/api/workspaces")["total"] == 2


def test_a_project_is_described_by_its_own_files(codeserver_api: CodeserverApi) -> None:
    def describe_current() -> tuple[str, str, list[str]]:
        found = codeserver_api.call("GET", "/api/workspace/current")
        return found["language"], found["framework"], found["dependencies"]

    requirements = "# comment\nfastapi==0.110\nsqlalchemy[asyncio]>=2\n-r other.txt\npydantic ; python_version > '3'\n"
    codeserver_api.call("POST", "/api/files/requirements.txt", {"content": requirements})
    codeserver_api.call("POST", "/api/files/src/main.py", {"content": "x = 1\n" * 100})
    codeserver_api.call("POST", "/api/files/static/app.js", {"content": "let x\n"})
    expected = ("python", "FastAPI", ["fastapi", "sqlalchemy", "pydantic"])
    assert describe_current() == expected
    codeserver_api.call("POST", "/api/git/commit", {"message": "all"})
    assert describe_current() == expected
    package = '{"dependencies": {"react": "18"}, "devDependencies": {"vite": "5"}}'
    codeserver_api.call("POST", "/api/files/package.json", {"content": package})
    codeserver_api.call("DELETE", "/api/files/requirements.txt")
    assert describe_current() == ("python", "React", ["react"])
    codeserver_api.call("POST", "/api/files/package.json", {"content": "{broken"})
    assert describe_current() == ("python", None, [])

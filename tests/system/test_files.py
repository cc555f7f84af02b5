"""Files of tasks: an uploaded file can be downloaded by a link without a token."""

import requests

from tests.support.client import token
from tests.system.stack import PATIENCE, Caller, Stack, wait_until


def test_a_file_goes_up_comes_down_and_goes(yard: Stack) -> None:
    manager = Caller(yard.urls["projects"], token("admin", "local", "files"))
    task = f"/api/v1/tasks/{manager.json('POST', '/api/v1/tasks', {'title': 'x'})['data']['id']}"
    content = bytes(range(256)) * 1000
    sent = {"file": ("größe.bin", content)}
    said = manager.call("POST", f"{task}/files", files=sent, data={"description": "all bytes"})
    assert said.status_code == 201, said.text
    file, url = said.json()["data"]["id"], said.json()["data"]["url"]
    answer = requests.get(url, timeout=PATIENCE)
    assert answer.content == content
    assert "gr%C3%B6%C3%9Fe.bin" in answer.headers["content-disposition"]
    assert requests.get(url[:-1], timeout=PATIENCE).status_code == 403
    manager.json("DELETE", f"{task}/files/{file}")
    wait_until(lambda: requests.get(url, timeout=PATIENCE).status_code, lambda status: status == 404)

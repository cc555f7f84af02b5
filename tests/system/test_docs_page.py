"""The documentation page in a real browser."""

import json
import re
from pathlib import Path

import pytest
import requests

from tests.system import browser
from tests.system.stack import PATIENCE, Stack

CONTRACT = Path(__file__).parents[1] / "contract" / "data" / "processing.json"


def test_every_operation_is_shown_and_no_other_host_is_asked(yard: Stack, tmp_path: Path) -> None:
    program = browser.program()
    if program is None:
        pytest.skip(f"needs a browser, and there is none of {', '.join(browser.NAMES)} on this machine")
    page = browser.visit(program, f"{yard.url}/docs", tmp_path)
    document = requests.get(f"{yard.url}/openapi.json", timeout=PATIENCE).json()
    operations = {f"{method} {path}" for path, methods in document["paths"].items() for method in methods}
    documented = {_operation(endpoint["id"]) for endpoint in json.loads(CONTRACT.read_text("utf-8"))["endpoints"]}
    assert documented <= operations
    shown = re.findall(
        r'opblock-summary-method">(\w+)<.*?opblock-summary-path" data-path="([^"]+)"', page.html, re.DOTALL
    )
    assert {f"{method.lower()} {path}" for method, path in shown} == operations
    assert page.hosts == {f"127.0.0.1:{yard.port}"}


def _operation(endpoint: str) -> str:
    """`GET /api/task/{id}` as `get /api/task/{id}`."""
    method, _, path = endpoint.partition(" ")
    return f"{method.lower()} {path}"

"""The documentation page in a real browser."""

import re
from pathlib import Path

import pytest
import requests

from tests.system import browser
from tests.system.stack import PATIENCE, Stack


def test_every_operation_is_shown_and_nobody_else_is_asked(yard: Stack, tmp_path: Path) -> None:
    found = browser.program()
    if found is None:
        pytest.skip(f"needs a browser, and there is none of {', '.join(browser.NAMES)} on this machine")
    page = browser.visit(found, f"{yard.url}/docs", tmp_path)
    document = requests.get(f"{yard.url}/openapi.json", timeout=PATIENCE).json()
    operations = {f"{method} {path}" for path, methods in document["paths"].items() for method in methods}
    assert len(operations) == 18
    shown = re.findall(
        r'opblock-summary-method">(\w+)<.*?opblock-summary-path" data-path="([^"]+)"', page.html, re.DOTALL
    )
    assert {f"{method.lower()} {path}" for method, path in shown} == operations
    assert page.hosts == {f"127.0.0.1:{yard.port}"}

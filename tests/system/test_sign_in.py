"""An application asks for consent and a user agrees, in a real browser, by keyboard and without scripts."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from tests.system import browser
from tests.system.browser import Tab
from tests.system.stack import PATIENCE, Stack, wait_until

EMAIL, PASSWORD = "admin@orchestrator.com", "admin123"
CLIENT, SECRET = "YOUR_CLIENT_ID", "YOUR_CLIENT_SECRET"


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    program = browser.program()
    if program is None:
        pytest.skip(f"needs a browser, and there is none of {', '.join(browser.NAMES)} on this machine")
    with browser.tab(program, tmp_path) as opened:
        yield opened


def link(yard: Stack, **more: str) -> str:
    """The document's authorization link with a state."""
    query = {"client_id": CLIENT, "response_type": "code", "state": "s 1"}
    return f"{yard.urls['projects']}/oauth/authorize?{urlencode(query | more)}&scope=tasks:read+agents:read"


PAINTED = "document.readyState == 'complete' && performance.getEntriesByType('paint').length > 0"
"""Before its first picture a page has not given the focus to a field, and the browser drops its keys."""


def wait_for_title(tab: Tab, title: str) -> None:
    wait_until(lambda: tab.see(f"{PAINTED} && document.title"), lambda seen: seen == title)


def wait_for_focus(tab: Tab, name: str) -> None:
    wait_until(tab.focus, lambda focused: focused == name)


def sign_in(tab: Tab, password: str) -> None:
    wait_for_focus(tab, "email")
    tab.write(EMAIL)
    tab.press("Tab")
    wait_for_focus(tab, "password")
    tab.write(password)
    tab.press("Enter")


def text_of(tab: Tab, name: str) -> str:
    return str(tab.see(f"document.getElementById('{name}').textContent"))


def test_sign_in_consent_and_the_way_back(yard: Stack, tab: Tab) -> None:
    url = yard.urls["projects"]
    tab.open(link(yard))
    wait_for_title(tab, "Sign in")
    sign_in(tab, "not the password")
    wait_until(
        lambda: tab.see(f"{PAINTED} && document.querySelector('[role=alert]')?.textContent"),
        lambda alert: alert == "Wrong email or password",
    )
    wait_for_focus(tab, "password")
    tab.write(PASSWORD)
    tab.press("Enter")
    wait_for_title(tab, "Allow Example application?")
    assert re.findall(r"<li>(.*?)</li>", tab.see("document.body.innerHTML")) == ["See tasks", "See agents"]
    tab.press("Tab")
    wait_for_focus(tab, "Allow")
    tab.press("Tab")
    wait_for_focus(tab, "Deny")
    tab.press("Enter")
    wait_for_title(tab, "Back at the application")
    assert (text_of(tab, "error"), text_of(tab, "state")) == ("access_denied", "s 1")

    tab.open(link(yard))
    wait_for_title(tab, "Allow Example application?")
    tab.press("Tab")
    tab.press("Enter")
    wait_for_title(tab, "Back at the application")
    assert text_of(tab, "iss") == url
    form = {"grant_type": "authorization_code", "code": text_of(tab, "code")}
    proof = {"client_id": CLIENT, "client_secret": SECRET}
    given = requests.post(f"{url}/oauth/token", data=form | proof, timeout=PATIENCE).json()
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert requests.get(f"{url}/api/v1/tasks", headers=headers, timeout=PATIENCE).json()["success"]
    assert requests.get(f"{url}/api/v1/users", headers=headers, timeout=PATIENCE).status_code == 403

    tab.open(link(yard, redirect_uri="https://evil.example/"))
    wait_for_title(tab, "This link does not work")


def test_the_docs_page_shows_every_operation(yard: Stack, tmp_path: Path) -> None:
    program = browser.program()
    if program is None:
        pytest.skip(f"needs a browser, and there is none of {', '.join(browser.NAMES)} on this machine")
    url = yard.urls["projects"]
    page = browser.visit(program, f"{url}/api/docs", tmp_path)
    document = requests.get(f"{url}/openapi.json", timeout=PATIENCE).json()
    operations = {f"{method} {path}" for path, methods in document["paths"].items() for method in methods}
    shown = re.findall(
        r'opblock-summary-method">(\w+)<.*?opblock-summary-path" data-path="([^"]+)"', page.html, re.DOTALL
    )
    assert {f"{method.lower()} {path}" for method, path in shown} == operations
    assert page.hosts == {url.removeprefix("http://")}

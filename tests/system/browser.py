"""Headless Chromium, if this machine has one."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from websockets.sync.client import ClientConnection, connect

SECONDS = 30
NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--metrics-recording-only",
    "--no-pings",
    # The browser asks its maker for updates: it must not reach any host.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def program() -> str | None:
    """The browser's path; None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass(frozen=True)
class Page:
    """A page after its scripts have ended."""

    html: str
    hosts: Set[str]
    """The hosts from which the page loaded anything."""


def visit(browser: str, url: str, directory: Path) -> Page:
    """Load the page with an empty profile in `directory`, and record every request of the page."""
    log = directory / "net.json"
    command = [browser, *QUIET, f"--user-data-dir={directory}/profile", f"--log-net-log={log}"]
    command += ["--virtual-time-budget=10000", "--dump-dom", url]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    return Page(run.stdout, _hosts(json.loads(log.read_text()), origin))


def _hosts(log: dict[str, Any], initiator: str) -> Set[str]:
    asked = [event["params"] for event in log["events"] if "params" in event]
    return {urlsplit(each["url"]).netloc for each in asked if each.get("initiator") == initiator}


class Tab:
    """A tab, used through DevTools. Without `scripts` the page's scripts are switched off, and only the keyboard is
    used."""

    def __init__(self, socket: ClientConnection, scripts: bool = False) -> None:
        self._socket, self._number = socket, 0
        self.tell("Emulation.setScriptExecutionDisabled", value=not scripts)

    def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command, and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=SECONDS))
            if message.get("id") == self._number:
                return dict(message.get("result", {}))

    def open(self, url: str) -> None:
        self.tell("Page.navigate", url=url)

    def write(self, text: str) -> None:
        """Type into the field that has the focus."""
        self.tell("Input.insertText", text=text)

    def press(self, key: str) -> None:
        codes = {"Tab": (9, ""), "Enter": (13, "\r")}
        code, text = codes[key]
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.tell("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **about)

    def see(self, expression: str) -> Any:
        """The value of an expression on the page; None while there is no page."""
        found = self.tell("Runtime.evaluate", expression=expression)
        return found.get("result", {}).get("value")

    def choose_files(self, field: str, *paths: Path) -> None:
        """Choose files for a field of the page, as its user does."""
        root = self.tell("DOM.getDocument")["root"]["nodeId"]
        node = self.tell("DOM.querySelector", nodeId=root, selector=field)["nodeId"]
        self.tell("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def drop_files(self, onto: str, *paths: Path) -> None:
        """Drag files from the desktop onto an element."""
        middle = "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        x, y = self.see(f"JSON.stringify({middle}(document.querySelector('{onto}').getBoundingClientRect()))")[
            1:-1
        ].split(",")
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.tell("Input.dispatchDragEvent", type=kind, x=float(x), y=float(y), data=data)

    def picture(self) -> bytes:
        """A screenshot of the window as PNG."""
        return base64.b64decode(self.tell("Page.captureScreenshot")["data"])

    def focus(self) -> str:
        """The id of the focused field, or the text of the focused button."""
        return str(self.see("document.activeElement.id || document.activeElement.textContent"))


@contextmanager
def tab(browser: str, directory: Path, scripts: bool = False) -> Iterator[Tab]:
    """A tab of a new browser, which is ended with it."""
    profile = directory / "profile"
    command = [browser, *QUIET, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with connect(_page_socket(profile / "DevToolsActivePort"), max_size=None) as socket:
                yield Tab(socket, scripts)
        finally:
            process.terminate()


def _page_socket(told: Path) -> str:
    """The DevTools URL of the browser's only page, once the browser has printed its port."""
    end = time.monotonic() + SECONDS
    while not (told.exists() and told.read_text().count("\n")):
        assert time.monotonic() < end, "the browser does not start"
        time.sleep(0.02)
    port = told.read_text().partition("\n")[0]
    pages = requests.get(f"http://127.0.0.1:{port}/json/list", timeout=SECONDS).json()
    return next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")

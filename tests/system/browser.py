"""Headless Chromium, if there is one on this machine."""

import json
import shutil
import subprocess
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
    # The browser itself asks its maker for updates: it shall not find the way.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def program() -> str | None:
    """Where the browser is; None when there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass(frozen=True)
class Page:
    """A page once its scripts have come to rest."""

    html: str
    hosts: Set[str]
    """Whom the page asked for anything."""


def visit(browser: str, url: str, directory: Path) -> Page:
    """Load the page with an empty profile in `directory`, noting every request of its own."""
    log = directory / "net.json"
    command = [browser, *QUIET, f"--user-data-dir={directory}/profile", f"--log-net-log={log}"]
    command += ["--virtual-time-budget=10000", "--dump-dom", url]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    return Page(run.stdout, _hosts(json.loads(log.read_text()), origin))


def _hosts(log: dict[str, Any], initiator: str) -> Set[str]:
    asked = [event["params"] for event in log["events"] if "params" in event]
    return {urlsplit(each["url"]).netloc for each in asked if each.get("initiator") == initiator}

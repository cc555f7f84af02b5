"""A page to try the API with: choose or drop a file, and see what is recognised drawn on it.

Its script and style are in the page, and the browser runs nothing else: the policy names them by their digests.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

from chalicelib.edge import Html, Routes

routes = Routes("/try", tag="Documentation", public=True)

FOLDER = Path(__file__).parent / "page"


@routes.get()
def get_try_page() -> Html:
    """A page to try the API with."""
    return _page()


@cache
def _page() -> Html:
    style, script = ((FOLDER / name).read_text("utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; connect-src 'self'; "
        "img-src data:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    page = (FOLDER / "page.html").read_text("utf-8").replace("{style}", style).replace("{script}", script)
    return Html(page, {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

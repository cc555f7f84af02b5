"""Searches of the web: SearXNG's and Brave's, by their documented protocols; and the text of a page."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from chalicelib.domain import foreign_json
from chalicelib.errors import Unavailable
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Unreachable
from chalicelib.providers.text import trees
from chalicelib.providers.text.sanitizing import sanitize

TIMEOUT_SECONDS = 8.0
BRAVE_URL = "https://api.search.brave.com/res/v1"
CATEGORIES = {"academic": "science", "news": "news", "blogs": "general"}
"""SearXNG's category for each kind of source."""
MAX_TEXT = 50_000
MAX_HTML = 300_000
"""Characters of a page's safe HTML that are read: a page of tags alone takes seconds for each megabyte."""
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{1,1000})", re.IGNORECASE)


class Found(NamedTuple):
    """One source: a page that was found or read, or a text that the caller gave."""

    title: str
    url: str | None
    text: str


def search(service: Mapping[str, str], query: str, kind: str, count: int) -> list[Found]:
    """The first results of a search. Raises Unavailable where the service does not answer as it should."""
    results, text = (_searxng if service["provider"] == "searxng" else _brave)(service, query, kind)
    found = [_found(result, text) for result in results or () if isinstance(result, dict)]
    return [one for one in found if one.text][:count]


def _searxng(service: Mapping[str, str], query: str, kind: str) -> tuple[Any, str]:
    """The results, and the name of their text."""
    parameters = {"q": query, "format": "json", "categories": CATEGORIES[kind]}
    body = _get_json(f"{service['url'].rstrip('/')}/search?{urlencode(parameters)}", {}, private=True)
    return body.get("results"), "content"


def _brave(service: Mapping[str, str], query: str, kind: str) -> tuple[Any, str]:
    place = "news" if kind == "news" else "web"
    query = f"{query} research paper" if kind == "academic" else query
    headers = {"accept": "application/json", "x-subscription-token": service["key"]}
    body = _get_json(f"{service.get('url') or BRAVE_URL}/{place}/search?{urlencode({'q': query})}", headers)
    return (body if place == "news" else body.get("web") or {}).get("results"), "description"


def read_page(url: str) -> Found | None:
    """The words of a page; None where it cannot be read as text. The URL may come from anybody."""
    headers = {"accept": "text/html, text/plain;q=0.9"}
    try:
        response = outbound.send("GET", url, headers=headers, body=b"", timeout=TIMEOUT_SECONDS)
    except Unreachable:
        return None
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status != 200 or media_type not in ("text/html", "application/xhtml+xml", "text/plain"):
        return None
    text = response.body.decode("utf-8", "replace")
    if media_type == "text/plain":
        return Found(url, url, text[:MAX_TEXT])
    title = _TITLE.search(text)
    return Found((_words(title[1]) if title else "") or url, url, _words(text)[:MAX_TEXT])


def _words(html: str) -> str:
    """The words of HTML of anybody, which only the sanitizer's parser reads as it is."""
    return trees.plain_text(trees.parse(sanitize(html)[:MAX_HTML]))


def _found(result: Mapping[str, Any], text: str) -> Found:
    title, url = str(result.get("title") or ""), str(result.get("url") or "")
    return Found(title or url, url or None, _words(str(result.get(text) or "")))


def _get_json(url: str, headers: Mapping[str, str], *, private: bool = False) -> Any:
    try:
        response = outbound.send("GET", url, headers=headers, body=b"", timeout=TIMEOUT_SECONDS, private=private)
        body = foreign_json.parse(response.body) if response.status == 200 else None
    except (Unreachable, ValueError):
        body = None
    if not isinstance(body, dict):
        raise Unavailable("The search does not answer as it should: try again later.")
    return body

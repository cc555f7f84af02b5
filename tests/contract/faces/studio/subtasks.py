"""Subtasks."""

from tests.contract.documented import Resource
from tests.contract.faces.group import Group
from tests.support import studio_services
from tests.support.client import Client
from tests.support.world import World

RESEARCH, CREATIVE, QA, IMAGES, FORMAT = (
    f"POST /api/subtasks/{name}" for name in ("research", "creative", "qa", "images", "format")
)
ISSUE = {
    "check": "factuality",
    "kind": "not_checked",
    "severity": "not_checked",
    "message": "why",
    "line": None,
    "excerpt": None,
    "suggestion": None,
}
SOURCE = {"title": "x", "url": "https://...", "excerpt": "x"}
TEXTS = ("", 7, None, [])


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A search and a maker of images are there; the group of the chat has a language model."""
    studio_services.start(world)
    return {}


group = Group(
    build=build,
    settings={"search": studio_services.SEARXNG, "images": studio_services.OPENAI},
    elsewhere=(RESEARCH, IMAGES, FORMAT),
    common=(RESEARCH, CREATIVE, QA, IMAGES, FORMAT),
    formats={"https://...": r"https?://\S+"},
    volatile=frozenset({"url"}),
    decided={RESEARCH: {"sources": [SOURCE]}, QA: {"issues": [ISSUE]}},
    bases={
        RESEARCH: {"topic": "x"},
        CREATIVE: {"topic": "x"},
        QA: {"content": "x"},
        IMAGES: {"prompt": "x"},
        FORMAT: {"content": "x"},
    },
    missing=(
        (RESEARCH, "topic", {"depth": "deep"}),
        (CREATIVE, "topic", {"style": "casual"}),
        (QA, "content", {"checks": ["grammar"]}),
        (IMAGES, "prompt", {"count": 1}),
        (FORMAT, "content", {"format": "rst"}),
    ),
    wrong=(
        *((endpoint, "topic", ("  ", "x" * 501, *TEXTS)) for endpoint in (RESEARCH, CREATIVE)),
        (RESEARCH, "depth", ("deeper", "DEEP", 7, None)),
        (RESEARCH, "sources", ("news", ["papers"], ["ftp://x.example"], [7], [{"url": "https://x"}], ["news"] * 21)),
        (CREATIVE, "style", ("", "angry", 7, None)),
        (CREATIVE, "length", ("", "longer", 7, None)),
        *((endpoint, "content", TEXTS) for endpoint in (QA, FORMAT)),
        (QA, "checks", ("grammar", [], ["spelling"], [7], None)),
        (IMAGES, "prompt", ("  ", "x" * 1_001, *TEXTS)),
        (IMAGES, "style", ("", "photo", 7, None)),
        (IMAGES, "count", (0, 5, "1", 1.5, None)),
        (FORMAT, "format", ("", "pdf", 7, None)),
        (FORMAT, "style", ("", "book", 7, None)),
        (FORMAT, "source_format", ("", "text", 7)),
    ),
)

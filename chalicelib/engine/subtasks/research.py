"""Research: what sources say about a topic, in their own sentences. No model is asked, so nothing is made up."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

from chalicelib.domain.texts import extraction
from chalicelib.engine.subtasks import services
from chalicelib.errors import InvalidRequest, NotConfigured
from chalicelib.providers import search
from chalicelib.providers.search import Found

Depth = Literal["deep", "moderate", "shallow"]
Kind = Literal["academic", "news", "blogs"]
KINDS: tuple[Kind, ...] = ("academic", "news", "blogs")
POINTS: dict[Depth, int] = {"deep": 12, "moderate": 6, "shallow": 3}
"""How many sentences are kept, and how many results of a search are looked at."""
SUMMARY_SENTENCES = 3
EXCERPT = 200
MAX_AT_ONCE = 10
"""Sources that are read side by side: twenty pages that do not answer take twice the time of one, and API Gateway waits
for 29 seconds."""


class Text(NamedTuple):
    """A source that the caller gives as a text."""

    text: str
    title: str | None = None
    url: str | None = None


class Research(NamedTuple):
    """What was found. `sources` are those that were read, as `{title, url, excerpt}`."""

    topic: str
    summary: str
    key_points: list[str]
    sources: list[dict[str, Any]]

    @property
    def findings(self) -> str:
        """The summary and the key points as markdown."""
        points = "\n".join(f"- {point}" for point in self.key_points)
        return f"{self.summary}\n\n{points}".strip()


def research(topic: str, depth: Depth, sources: Sequence[str | Text]) -> Research:
    """Read the sources and keep what they say about the topic. A source is a text, a URL, or a kind of KINDS, which is
    searched for; without any, all kinds are. A string of several words is a text.

    Raises NotConfigured where a search is needed and there is none, Unavailable where it does not answer, and
    InvalidRequest where no source can be read.
    """
    with ThreadPoolExecutor(max_workers=MAX_AT_ONCE) as threads:
        found = threads.map(lambda source: _read(topic, depth, source), sources or KINDS)
        texts = [one for texts_of_source in found for one in texts_of_source]
    if not texts:
        problem = "none of the sources can be read as a text"
        raise InvalidRequest(f"sources: {problem}", fields={"sources": problem})
    passages = extraction.extract(topic, [one.text for one in texts], POINTS[depth])
    points = [passage.sentence for passage in passages]
    return Research(topic, " ".join(points[:SUMMARY_SENTENCES]), points, [_source(one) for one in texts])


def is_source(source: str) -> bool:
    """Whether this may be a source: a kind, a text of several words, or a URL."""
    return source in KINDS or len(source.split()) > 1 or source.startswith(("http://", "https://"))


def _read(topic: str, depth: Depth, source: str | Text) -> list[Found]:
    if isinstance(source, Text):
        return [Found(source.title or extraction.shorten(source.text, 60), source.url, source.text)]
    if source in KINDS:
        return search.search(_service(), topic, source, POINTS[depth])
    if len(source.split()) > 1:
        return _read(topic, depth, Text(source))
    page = search.read_page(source)
    return [] if page is None else [page]


def _service() -> dict[str, str]:
    try:
        return services.require("search")
    except NotConfigured as error:
        raise NotConfigured(f"{error.message} Sources can be given as URLs or texts instead.") from None


def _source(found: Found) -> dict[str, Any]:
    return {"title": found.title[:EXCERPT], "url": found.url, "excerpt": extraction.shorten(found.text, EXCERPT)}

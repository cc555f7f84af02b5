"""Research: from texts, pages and searches, in their own sentences."""

from threading import Barrier

import pytest

from chalicelib import config
from chalicelib.engine.subtasks import research as research_engine
from chalicelib.engine.subtasks.research import Text, research
from chalicelib.errors import InvalidRequest, NotConfigured, Unavailable
from chalicelib.providers.http.outbound import Response
from tests.support import cpu_time, studio_services
from tests.support.models import Models
from tests.support.world import World, answer

FACT = "The agents of AI plan their own work since 2025."
PAGE = f"<html><head><title>A &amp; B</title><style>x</style></head><body><p>{FACT}</p><script>y</script></body></html>"


def page(body: str, media_type: str = "text/html; charset=utf-8", status: int = 200) -> Response:
    return Response(status, {"content-type": media_type}, body.encode())


def test_given_texts_need_no_service(world: World) -> None:
    result = research("AI agents", "shallow", [Text(FACT, "Paper", "https://p.example"), Text("Too short.")])
    assert result.key_points == [FACT]
    assert result.summary == FACT
    assert result.findings == f"{FACT}\n\n- {FACT}"
    assert result.sources[0] == {"title": "Paper", "url": "https://p.example", "excerpt": FACT}


def test_a_string_of_several_words_is_a_text(world: World) -> None:
    assert research("AI agents", "shallow", [FACT]).key_points == [FACT]


def test_pages_are_read_without_their_scripts(world: World) -> None:
    world.servers["p.example"] = lambda *_: page(PAGE)
    found = research("AI", "deep", ["https://p.example/a"])
    assert (found.key_points, found.sources[0]["title"]) == ([FACT], "A & B")


@pytest.mark.parametrize("reply", [page(PAGE, status=404), page(PAGE, "application/pdf"), page("", "image/png")])
def test_a_page_that_cannot_be_read_is_left_out_and_alone_refused(world: World, reply: Response) -> None:
    world.servers["p.example"] = lambda *_: reply
    assert len(research("AI", "deep", ["https://p.example", Text(FACT)]).sources) == 1
    for sources in (["https://p.example"], ["https://absent.example"]):
        with pytest.raises(InvalidRequest, match="none of the sources can be read"):
            research("AI", "deep", sources)


@pytest.mark.parametrize("setting", [studio_services.SEARXNG, studio_services.BRAVE])
def test_kinds_of_sources_are_searched_for(fake_models: Models, setting: str) -> None:
    config.replace(search=setting)
    result = research("AI", "moderate", ["academic", "news", "blogs"])
    assert len(result.sources) == 3
    assert result.key_points[0] == "Agents of AI plan their work in 2025 better than the year before."
    assert "<b>" not in str(result.sources)
    assert len(research("AI", "moderate", []).sources) == 3


def test_without_a_search_the_setting_is_named(world: World) -> None:
    with pytest.raises(NotConfigured, match=r"set SEARCH\. Sources can be given"):
        research("AI", "deep", ["news"])


@pytest.mark.parametrize("reply", [answer(500), answer(200), answer(200, []), answer(200, "x")])
def test_a_search_that_fails_is_unavailable(fake_models: Models, reply: Response) -> None:
    fake_models.world.servers[studio_services.SEARCH_HOST] = lambda *_: reply
    with pytest.raises(Unavailable, match="The search does not answer as it should"):
        research("AI", "deep", ["news"])


def test_a_result_that_is_cut_in_the_middle_of_a_character_is_read(fake_models: Models) -> None:
    result = {"title": "Tea \ud83d", "url": "https://found.example/1", "content": f"{FACT} \ud83d"}
    fake_models.world.servers[studio_services.SEARCH_HOST] = lambda *_: answer(200, {"results": [result]})
    config.replace(search=studio_services.SEARXNG)
    assert research("AI", "moderate", ["news"]).sources[0]["title"] == "Tea ?"


@pytest.mark.parametrize(
    ("html", "title"),
    [
        (f"<title>Tea &#{'9' * 5_000};</title>{FACT}", "Tea \ufffd"),
        (f"<TITLE lang=en>\n Tea &amp; more\n</TITLE>{FACT}", "Tea & more"),
        (f"<title></title>{FACT}", "https://p.example/a"),
    ],
)
def test_the_title_of_a_page_of_anybody_is_read(world: World, html: str, title: str) -> None:
    world.servers["p.example"] = lambda *_: page(html)
    assert research("AI", "deep", ["https://p.example/a", Text(FACT)]).sources[0]["title"] == title


def test_sources_are_read_side_by_side(world: World) -> None:
    all_asked = Barrier(research_engine.MAX_AT_ONCE)

    def wait_for_the_others(*_: object) -> Response:
        all_asked.wait(timeout=5)
        return page(PAGE)

    world.servers["p.example"] = wait_for_the_others
    urls = [f"https://p.example/{number}" for number in range(research_engine.MAX_AT_ONCE)]
    assert [source["url"] for source in research("AI", "deep", urls).sources] == urls


def test_a_page_of_tags_alone_is_read_in_seconds(world: World) -> None:
    world.servers["p.example"] = lambda *_: page(f"<p>{FACT}" + "<p>" * 320_000)
    with cpu_time.limited_to(8):
        assert len(research("AI", "deep", [f"https://p.example/{number}" for number in range(4)]).sources) == 4

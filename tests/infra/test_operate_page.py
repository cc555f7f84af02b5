"""docs/how-to/operate.md: its queries ask for lines and fields that the world writes, and its tables have all of
them."""

import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.release_reasons import ReleaseReason
from chalicelib.engine.tasks import lifecycle, task_log
from tests.support.log import Log, logging_to
from tests.support.world import ORG, World, answer

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "operate.md").read_text()
QUERIES = re.findall(r"```insights\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = {"filter", "stats", "sort", "display", "limit"}
WORDS = {"and", "or", "in", "as", "by", "asc", "desc"}
REQUEST = {"message", "method", "route", "path", "status", "duration_ms", "org", "request_id"}
"""What a request's line has besides: tests/edge/test_kernel.py."""
LIFE = {*task_log.MESSAGES.values(), "Task handed over", "Worker answered"}
COMMON = {"level", "message", "timestamp", "service"}


def asked_for(query: str) -> set[str]:
    """The fields that a query reads: what is neither a command, a function, a text, a number nor named by the query."""
    bare = re.sub(r'"[^"]*"|\b\d+\w*', " ", query)
    named = set(re.findall(r"\bas (\w+)", bare))
    names = set(re.findall(r"\b([a-z]\w*)\b(?!\()", bare))
    return names - named - COMMANDS - WORDS


def written(world: World) -> list[dict[str, Any]]:
    """Lines of lives of every kind."""
    replies = iter([202, 500, 429, 400])
    with logging_to(Log()) as log:
        world.register(reply=lambda _url, _headers, body: answer(next(replies, 200) if body else 200))
        begun = world.submit(run_at=clock.now() + clock.SECOND)
        world.advance(2)
        lifecycle.cancel(ORG, begun.id)
        lifecycle.change(
            ORG, world.submit(manual=True).id, lambda task: transitions.begun_by_person(task, "user_ada", clock.now())
        )
        failed = world.submit()
        world.advance(900)
        lifecycle.replay(ORG, failed.id)
        world.settle()
    return [line for line in log.lines if line["message"] in LIFE]


def test_there_are_ten_questions_and_each_has_its_query() -> None:
    asked = re.findall(r"^\*\*(\d+)\. .*\?\*\*", PAGE, re.MULTILINE)
    assert asked == [str(number) for number in range(1, 11)]
    assert len(QUERIES) == 11


def test_the_fields_of_each_line_are_on_the_page_and_the_queries_ask_for_no_other(world: World) -> None:
    lines = written(world)
    assert {line["message"] for line in lines} == LIFE
    fields = {name for line in lines for name in line}
    missing = [name for name in fields - COMMON if f"`{name}`" not in PAGE]
    assert missing == []
    for query in QUERIES:
        known = REQUEST if '"request"' in query else fields
        assert asked_for(query) <= known, query


def test_each_line_is_on_the_page_and_the_queries_ask_for_no_other() -> None:
    assert [said for said in LIFE if f"| `{said}` |" not in PAGE] == []
    for query in QUERIES:
        texts = set(re.findall(r'"((?:Task|Worker) [^"]+)"', query))
        assert texts <= LIFE


@pytest.mark.parametrize("reason", ReleaseReason)
def test_each_reason_of_a_release_is_explained(reason: ReleaseReason) -> None:
    section = PAGE.partition("### Reasons of a release\n")[2].partition("\n## ")[0]
    assert re.search(rf"^\|.*`{reason}`.*\|.*\w", section, re.MULTILINE)


def test_a_query_that_asks_for_another_field_would_be_found() -> None:
    assert asked_for('filter colour = "red" | stats pct(size_ms, 95) as p95 by pool, bin(5m) | sort p95 desc') == {
        "colour",
        "size_ms",
        "pool",
    }

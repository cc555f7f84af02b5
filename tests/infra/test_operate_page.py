"""docs/how-to/operate.md: its queries read lines and fields that are logged, and its tables have all of them."""

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
"""Further fields of a request's line: tests/edge/test_kernel.py tests them."""
LIFE = {*task_log.MESSAGES.values(), "Task handed over", "Worker answered"}
COMMON = {"level", "message", "timestamp", "service"}


def queried_fields(query: str) -> set[str]:
    """The fields that a query reads: words that are no command, function, text or number, and that the query does not
    name itself."""
    bare = re.sub(r'"[^"]*"|\b\d+\w*', " ", query)
    named = set(re.findall(r"\bas (\w+)", bare))
    names = set(re.findall(r"\b([a-z]\w*)\b(?!\()", bare))
    return names - named - COMMANDS - WORDS


def write_log_lines(world: World) -> list[dict[str, Any]]:
    """Let tasks live in every way, and return the log lines."""
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
    lines = write_log_lines(world)
    assert {line["message"] for line in lines} == LIFE
    fields = {name for line in lines for name in line}
    missing = [name for name in fields - COMMON if f"`{name}`" not in PAGE]
    assert missing == []
    for query in QUERIES:
        known = REQUEST if '"request"' in query else fields
        assert queried_fields(query) <= known, query


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
    assert queried_fields('filter colour = "red" | stats pct(size_ms, 95) as p95 by pool, bin(5m) | sort p95 desc') == {
        "colour",
        "size_ms",
        "pool",
    }

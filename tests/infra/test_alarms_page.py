"""docs/reference/alarms.md, the dashboard, the templates and the code have the same alarms and metrics."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from infra import dashboard
from infra.bundles import BUNDLES
from infra.merge import merge_template
from infra.names import Template
from infra.package import dialect
from infra.parent import parent_template
from infra.resources import storage_template
from tests.infra.emitted import emitted_metrics

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "alarms.md").read_text()
LEFT = 100
"""The concurrency that AWS keeps for functions without a reservation."""
FILLED = {"${Prefix}": "second", "${AWS::Region}": "eu-central-1"}


def rows(title: str) -> Iterator[list[str]]:
    """The names in the first column of the section's table, of rows whose other columns are not empty."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            assert all(cells), line
            yield re.findall(r"`([^`]+)`", cells[0])


def alarms() -> list[str]:
    """The alarms by their names within the templates; the APIs' templates have the same names."""
    templates = [parent_template(), *(merge_template(one, dialect(one) if one.http else None) for one in BUNDLES)]
    return [name for found in templates for name, one in found["Resources"].items() if is_alarm(one)]


def is_alarm(resource: Template) -> bool:
    return bool(resource.get("Type") == "AWS::CloudWatch::Alarm")


ALARMS = alarms()
PATTERNS = [name for names in rows("Alarms") for name in names]
METRICS = [name for names in rows("Metrics of our own") for name in names]


@pytest.mark.parametrize("alarm", sorted(set(ALARMS)))
def test_every_alarm_is_on_the_page_once(alarm: str) -> None:
    assert len([pattern for pattern in PATTERNS if fnmatchcase(alarm, pattern)]) == 1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_page_speaks_of_no_alarm_that_there_is_not(pattern: str) -> None:
    assert any(fnmatchcase(alarm, pattern) for alarm in ALARMS)


def test_what_is_said_of_the_costs_is_the_number_of_alarms_and_metrics() -> None:
    costs = (Path(__file__).parents[2] / "docs" / "how-to" / "deploy.md").read_text()
    assert f"| alarms | {len(ALARMS)} = " in costs
    assert f"of the {len(emitted_metrics())} get values" in costs


def test_what_is_said_of_reserved_concurrency_is_its_sum() -> None:
    costs = (Path(__file__).parents[2] / "docs" / "how-to" / "deploy.md").read_text()
    reserved = sum(function.reserved for bundle in BUNDLES for function in bundle.functions)
    assert f": {reserved} in all" in costs
    quota = -(-(reserved + LEFT) // 10) * 10
    assert re.search(rf"a quota of at least\n{quota} ", costs)
    assert f"at least {quota} for it" in parent_template()["Parameters"]["ReserveConcurrency"]["Description"]


def test_the_page_has_every_metric_once_and_no_other() -> None:
    assert sorted(METRICS) == sorted(emitted_metrics())


def body() -> Template:
    [found] = [one for one in dashboard.resources().values() if one["Type"] == "AWS::CloudWatch::Dashboard"]
    text = found["Properties"]["DashboardBody"]["Fn::Sub"]
    for variable, value in FILLED.items():
        text = text.replace(variable, value)
    assert "${" not in text
    return json.loads(text)


def shown_metrics() -> list[list[str]]:
    return [metric for widget in body()["widgets"] for metric in widget["properties"]["metrics"]]


def test_the_dashboard_shows_metrics_that_are_sent_under_the_deployment_s_name() -> None:
    ours = [metric for metric in shown_metrics() if metric[0] == "Yardmaster"]
    assert {metric[1] for metric in ours} <= emitted_metrics()
    assert {tuple(metric[2:]) for metric in ours} == {("service", "second")}


def test_all_that_is_asked_of_a_dashboard_is_on_it() -> None:
    names = {metric[1] for metric in shown_metrics()}
    own = {name for name in emitted_metrics() if name.startswith(("Failure.", "Tasks", "Webhook", "Notification"))}
    assert own | {"OldestReadyTaskAge", "LanesNobodyServes", "Event.leased", "Event.retried"} <= names
    assert {"Duration", "Invocations", "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "Count"} <= names


def test_the_dashboard_names_what_the_storage_template_makes() -> None:
    resources = set()
    for resource in storage_template()["Resources"].values():
        name = resource["Properties"].get("QueueName") or resource["Properties"].get("TableName")
        resources |= {name["Fn::Sub"].replace("${Prefix}", "second")} if name else set()
    named = {metric[3] for metric in shown_metrics() if metric[2] in ("QueueName", "TableName")}
    assert named == resources


def test_widgets_do_not_overlap_and_hold_what_cloudwatch_takes() -> None:
    places = [(widget["x"], widget["y"]) for widget in body()["widgets"]]
    assert len(set(places)) == len(places)
    assert all(x + dashboard.WIDTH <= 24 for x, _ in places)
    assert all(0 < len(widget["properties"]["metrics"]) <= 100 for widget in body()["widgets"])


def test_the_lines_of_the_log_that_the_page_quotes_are_written() -> None:
    source = "\n".join(path.read_text() for path in (Path(__file__).parents[2] / "chalicelib").rglob("*.py"))
    quoted = re.findall(r'the line "([^"]+)"', PAGE)
    assert len(quoted) >= 4
    assert [line for line in quoted if f'"{line}"' not in source] == []

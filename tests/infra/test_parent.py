"""The parent template gives every nested one what it asks for."""

import inspect
import json
import re

import pytest
from cfnlint.api import lint

from chalicelib import observability
from chalicelib.engine import chores, endings
from infra.bundles import BUNDLES, consumers
from infra.merge import parameters
from infra.parent import parent_template
from infra.resources import storage_template

TEMPLATE = parent_template()
RESOURCES = TEMPLATE["Resources"]


def test_the_template_lints_without_findings() -> None:
    assert [str(match) for match in lint(json.dumps(TEMPLATE))] == []


def test_every_bundle_gets_all_its_parameters() -> None:
    for bundle in BUNDLES:
        stack = RESOURCES[f"{bundle.name.capitalize()}Bundle"]["Properties"]
        assert stack["TemplateURL"] == f"./{bundle.name}/sam.json"
        assert stack["Parameters"].keys() == parameters(bundle).keys()


def test_what_is_asked_of_the_storage_it_puts_out() -> None:
    text = json.dumps(RESOURCES)
    asked = {part.split('"')[0] for part in text.split('["Storage", "Outputs.')[1:]}
    assert asked <= storage_template()["Outputs"].keys()


def test_the_engine_learns_where_every_api_is() -> None:
    urls = json.loads(RESOURCES["EngineBundle"]["Properties"]["Parameters"]["ApiUrls"]["Fn::Sub"])
    assert urls == {
        bundle.name: f"${{{bundle.name.capitalize()}Bundle.Outputs.BaseUrl}}" for bundle in BUNDLES if bundle.http
    }


def test_stacks_depend_on_those_before_them_alone() -> None:
    """Storage, then the WebSockets, then the APIs that say where those are, then the engine."""
    after: dict[str, set[str]] = {}
    for bundle in BUNDLES:
        name = f"{bundle.name.capitalize()}Bundle"
        asked = re.findall(r"(\w+Bundle)\W+Outputs", json.dumps(RESOURCES[name]["Properties"]["Parameters"]))
        after[name] = set(asked)
    assert after["LiveBundle"] == set()
    assert after["SupportBundle"] == {"LiveBundle"}
    assert after["EngineBundle"] >= {"LiveBundle", "SupportBundle", "CoordinatorBundle", "ProcessingBundle"}


def test_where_everything_is_comes_out() -> None:
    outputs = {f"{bundle.name.capitalize()}Url" for bundle in BUNDLES if bundle.name != "engine"}
    assert TEMPLATE["Outputs"].keys() == outputs


def test_every_queue_is_watched() -> None:
    alarms = [one["Properties"] for one in RESOURCES.values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = [alarm["MetricName"] for alarm in alarms]
    assert metrics.count("ApproximateNumberOfMessagesVisible") == len(consumers()) + 1
    assert metrics.count("ApproximateAgeOfOldestMessage") == len(consumers())


COUNTED = {"ChoresFailed": (chores, "ChoreFailed"), "EndingsUntold": (endings, "EndingUntold")}


@pytest.mark.parametrize("name", COUNTED)
def test_what_fails_in_the_background_rings_by_the_name_that_it_is_counted_by(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    module, counted = COUNTED[name]
    assert f'count("{counted}")' in inspect.getsource(module)
    observability.count(counted)
    observability.metrics().flush_metrics()
    said = json.loads(capsys.readouterr().out)
    alarm = RESOURCES[name]["Properties"]
    [metric] = said["_aws"]["CloudWatchMetrics"]
    assert (metric["Namespace"], metric["Metrics"][0]["Name"]) == (alarm["Namespace"], alarm["MetricName"])
    assert {one["Name"]: one["Value"] for one in alarm["Dimensions"]} == {
        name: said[name] for [name] in metric["Dimensions"]
    }


def test_payloads_travel_encrypted_only() -> None:
    statement = RESOURCES["PayloadBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})

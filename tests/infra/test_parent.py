"""The parent template gives every nested template its parameters."""

import json
import re

import pytest
from cfnlint.api import lint

from chalicelib import observability
from infra import gateway
from infra.bundles import BUNDLES, consumers
from infra.merge import parameters
from infra.package import dialect
from infra.parent import parent_template
from infra.resources import storage_template
from tests.infra.emitted import emitted_metrics

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
    """First the storage, then the WebSockets, then the APIs, whose outputs name them, then the engine."""
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


OURS = ("ChoresFailed", "EndingsUntold", "TasksNobodyCanTake", "TasksWaitLong")


@pytest.mark.parametrize("name", OURS)
def test_an_alarm_of_our_own_is_raised_by_a_metric_as_it_is_sent(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alarm = RESOURCES[name]["Properties"]
    assert alarm["MetricName"] in emitted_metrics()
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    # What the template gives every function, under another prefix.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "second")
    observability.metrics.cache_clear()
    observability.count(alarm["MetricName"])
    observability.metrics().flush_metrics()
    observability.metrics.cache_clear()
    line = json.loads(capsys.readouterr().out)
    [metric] = line["_aws"]["CloudWatchMetrics"]
    assert metric["Namespace"] == alarm["Namespace"]
    assert (metric["Dimensions"], line["service"]) == ([["service"]], "second")
    assert alarm["Dimensions"] == [{"Name": "service", "Value": {"Ref": "Prefix"}}]


def test_every_alarm_of_our_own_is_tested_so() -> None:
    alarms = {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert {name for name, one in alarms.items() if one["Namespace"] == "Yardmaster"} == set(OURS)


def test_how_long_a_task_may_wait_is_the_deployment_s_to_say() -> None:
    alarm = RESOURCES["TasksWaitLong"]["Properties"]
    assert alarm["Threshold"] == {"Ref": "WaitAlarmSeconds"}
    assert TEMPLATE["Parameters"]["WaitAlarmSeconds"]["Default"] == 900


def test_payloads_travel_encrypted_only() -> None:
    statement = RESOURCES["PayloadBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_firewall_stands_before_every_api_where_it_is_asked_for() -> None:
    assert TEMPLATE["Parameters"]["RequestsPerAddress"]["Default"] == "0"
    firewall_resources = {
        name: resource for name, resource in RESOURCES.items() if resource["Type"].startswith("AWS::WAFv2::")
    }
    assert {resource["Condition"] for resource in firewall_resources.values()} == {"HasFirewall"}
    stages = [
        resource["Properties"]["ResourceArn"]
        for resource in firewall_resources.values()
        if resource["Type"].endswith("Association")
    ]
    apis = [f"{bundle.name.capitalize()}Bundle" for bundle in BUNDLES if bundle.http]
    assert stages == [{"Fn::GetAtt": [name, "Outputs.StageArn"]} for name in apis]
    [rule] = firewall_resources["Firewall"]["Properties"]["Rules"]
    assert rule["Statement"]["RateBasedStatement"]["Limit"] == {"Ref": "RequestsPerAddress"}


def test_what_the_firewall_refuses_is_said_in_the_words_of_each_api() -> None:
    for bundle in BUNDLES:
        if bundle.http:
            made = gateway.resources({"Fn::Sub": "x"}, dialect(bundle))["RestAPI"]["Properties"]["DefinitionBody"]
            refusal = made["x-amazon-apigateway-gateway-responses"]["WAF_FILTERED"]
            assert refusal["statusCode"] == "429"
            assert refusal["responseParameters"]["gatewayresponse.header.Retry-After"] == "'60'"
            assert "Too many requests from your address" in refusal["responseTemplates"]["application/json"]


@pytest.mark.parametrize(("value", "allowed"), [("0", True), ("9", False), ("10", True), ("2000", True), ("x", False)])
def test_a_firewall_counts_from_ten_requests_on_as_aws_does(value: str, allowed: bool) -> None:
    assert bool(re.fullmatch(TEMPLATE["Parameters"]["RequestsPerAddress"]["AllowedPattern"], value)) is allowed

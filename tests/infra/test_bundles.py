"""The packaged templates: Chalice's own template, with ours merged into it. `make package` lints them."""

import json
from typing import Any

import pytest

from chalicelib.config import Settings
from chalicelib.edge import binary_types
from infra.bundles import BUNDLES, ENGINE, consumers
from infra.functions import Queue, Stream
from infra.gateway import nodes
from infra.merge import parameters
from infra.names import environment_variable, parameter
from infra.package import api_of, dialect

Templates = dict[str, dict[str, Any]]
NAMES = [bundle.name for bundle in BUNDLES]
APIS = [bundle.name for bundle in BUNDLES if bundle.http]
NODES = 250
"""API Gateway allows 300 resources in one API; we stop before."""


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return resources(template, "AWS::Serverless::Function")


def events(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    found = (one.get("Events", {}) for one in functions(template).values())
    return {name: event["Properties"] for each in found for name, event in each.items() if event["Type"] == kind}


def body(template: dict[str, Any]) -> dict[str, Any]:
    return resources(template, "AWS::Serverless::Api")["RestAPI"]["DefinitionBody"]


@pytest.mark.parametrize("name", NAMES)
def test_chalice_made_every_resource_that_is_merged_into(packaged: Templates, name: str) -> None:
    """A misspelt name would create a resource without a type."""
    assert [key for key, one in packaged[name]["Resources"].items() if "Type" not in one] == []
    assert len(functions(packaged[name])) == len(next(b for b in BUNDLES if b.name == name).functions)
    nested = [event for one in functions(packaged[name]).values() for event in one.get("Events", {}).values()]
    assert all("Type" in event for event in nested)


@pytest.mark.parametrize("name", APIS)
def test_bodies_reach_the_functions_byte_by_byte_and_answers_the_clients(packaged: Templates, name: str) -> None:
    api = api_of(next(bundle for bundle in BUNDLES if bundle.name == name))
    assert body(packaged[name])["x-amazon-apigateway-binary-media-types"] == binary_types(api)


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_is_read_by_settings(packaged: Templates, name: str) -> None:
    known = {environment_variable(setting) for setting in vars(Settings())} | {"POWERTOOLS_SERVICE_NAME"}
    given = packaged[name]["Globals"]["Function"]["Environment"]["Variables"]
    assert given.keys() <= known
    assert {"STAGE", "SECRETS_PARAMETER", "TASKS_TABLE", "PAYLOAD_BUCKET", "DISPATCH_QUEUE"} <= given.keys()
    bundles = [one["Environment"]["Variables"]["BUNDLE"] for one in functions(packaged[name]).values()]
    assert set(bundles) == {name}


@pytest.mark.parametrize("name", NAMES)
def test_every_function_logs_to_a_group_whose_lines_expire(packaged: Templates, name: str) -> None:
    groups = resources(packaged[name], "AWS::Logs::LogGroup").values()
    assert {group["RetentionInDays"] for group in groups} == {30}
    logged = {group["LogGroupName"]["Fn::Sub"] for group in groups}
    assert {f"/aws/lambda/{one['FunctionName']['Fn::Sub']}" for one in functions(packaged[name]).values()} <= logged


@pytest.mark.parametrize("name", NAMES)
def test_every_function_is_traced_and_watched(packaged: Templates, name: str) -> None:
    alarms = resources(packaged[name], "AWS::CloudWatch::Alarm").values()
    watched = [(one["MetricName"], json.dumps(one["Dimensions"])) for one in alarms]
    for function, found in functions(packaged[name]).items():
        assert found["Tracing"] == "Active"
        dimensions = json.dumps([{"Name": "FunctionName", "Value": {"Ref": function}}])
        assert ("Errors", dimensions) in watched
        assert ("Throttles", dimensions) in watched


@pytest.mark.parametrize("name", NAMES)
def test_concurrency_is_reserved_for_the_engine_alone_and_only_if_it_is_asked_for(
    packaged: Templates, name: str
) -> None:
    template = packaged[name]
    reserved = {
        one["FunctionName"]["Fn::Sub"]: one.get("ReservedConcurrentExecutions") for one in functions(template).values()
    }
    if name != "engine":
        assert set(reserved.values()) == {None}
        assert "ReserveConcurrency" not in template["Parameters"]
        return
    assert template["Parameters"]["ReserveConcurrency"]["Default"] == "false"
    assert template["Conditions"]["ReservesConcurrency"] == {"Fn::Equals": [{"Ref": "ReserveConcurrency"}, "true"]}
    without = {full for full, said in reserved.items() if said is None}
    assert without == {f"${{Prefix}}-engine-{one}" for one in ("gauges", "rollup_hourly", "rollup_daily", "tidy")}
    for said in reserved.values():
        assert said is None or said["Fn::If"][::2] == ["ReservesConcurrency", {"Ref": "AWS::NoValue"}]


def test_a_reservation_is_at_least_the_concurrency_of_its_mapping(packaged: Templates) -> None:
    for function in functions(packaged["engine"]).values():
        for event in function["Events"].values():
            if event["Type"] == "SQS":
                most = event["Properties"]["ScalingConfig"]["MaximumConcurrency"]
                assert function["ReservedConcurrentExecutions"]["Fn::If"][1] >= most


def test_every_mapping_reports_what_failed(packaged: Templates) -> None:
    mappings = events(packaged["engine"], "SQS") | events(packaged["engine"], "DynamoDB")
    assert len(mappings) == sum(isinstance(function.trigger, Queue | Stream) for function in ENGINE.functions)
    assert all(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for mapping in mappings.values())


def test_a_poison_record_cannot_block_a_stream(packaged: Templates) -> None:
    for mapping in events(packaged["engine"], "DynamoDB").values():
        assert mapping["BisectBatchOnFunctionError"] is True
        assert 0 < mapping["MaximumRetryAttempts"] <= 1000
        assert 0 < mapping["MaximumRecordAgeInSeconds"] < 86_400
        assert "${ParkedQueue}" in mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::Sub"]
        assert mapping["Stream"].keys() == {"Ref"}


def test_a_relay_that_falls_behind_raises_an_alarm(packaged: Templates) -> None:
    alarms = resources(packaged["engine"], "AWS::CloudWatch::Alarm").values()
    watched = [one["Dimensions"][0]["Value"]["Ref"] for one in alarms if one["MetricName"] == "IteratorAge"]
    assert sorted(watched) == ["RelayDocuments", "RelayTasks", "RelayWorkers"]


def test_a_queue_mapping_names_one_source(packaged: Templates) -> None:
    mappings = [mapping for template in packaged.values() for mapping in events(template, "SQS").values()]
    queues = {mapping["Queue"]["Fn::Sub"].rpartition(":")[2] for mapping in mappings}
    assert queues == {f"${{{parameter(setting)}}}" for setting in consumers()}
    assert all(mapping["Queue"].keys() == {"Fn::Sub"} for mapping in mappings)


def test_the_schedules(packaged: Templates) -> None:
    found = {name: event["Schedule"] for name, event in events(packaged["engine"], "Schedule").items()}
    assert found == {
        "WakeEvent": "rate(1 minute)",
        "GaugesEvent": "rate(5 minutes)",
        "RollupHourlyEvent": "cron(2 * * * ? *)",
        "RollupDailyEvent": "cron(10 0 * * ? *)",
        "TidyEvent": "cron(30 3 * * ? *)",
    }


@pytest.mark.parametrize("name", APIS)
def test_an_api_stays_within_the_gateways_limits(packaged: Templates, name: str) -> None:
    assert 0 < nodes(list(body(packaged[name])["paths"])) <= NODES


def test_nodes_counts_every_distinct_beginning_of_a_path() -> None:
    assert nodes(["/a", "/a/{b}", "/a/{b}/c", "/d/e"]) == 6


@pytest.mark.parametrize("name", APIS)
def test_every_path_leaves_wrong_methods_to_the_api(packaged: Templates, name: str) -> None:
    for methods in body(packaged[name])["paths"].values():
        integrations = [method["x-amazon-apigateway-integration"] for method in methods.values()]
        assert "x-amazon-apigateway-any-method" in methods
        assert all(integration == integrations[0] for integration in integrations)


@pytest.mark.parametrize("name", APIS)
def test_the_gateway_refuses_in_the_apis_words(packaged: Templates, name: str) -> None:
    refusals = body(packaged[name])["x-amazon-apigateway-gateway-responses"]
    unknown = refusals["MISSING_AUTHENTICATION_TOKEN"]
    assert unknown["statusCode"] == "404"
    shape = dialect(next(b for b in BUNDLES if b.name == name)).error_schema()
    for refusal in refusals.values():
        words = json.loads(refusal["responseTemplates"]["application/json"])
        assert set(shape["required"]) <= words.keys() <= shape["properties"].keys()
    assert "gatewayresponse.header.Retry-After" in refusals["THROTTLED"]["responseParameters"]


@pytest.mark.parametrize("name", APIS)
def test_every_request_is_logged_without_its_path(packaged: Templates, name: str) -> None:
    line = resources(packaged[name], "AWS::Serverless::Api")["RestAPI"]["AccessLogSetting"]["Format"]
    assert json.loads(line)["route"] == "$context.resourcePath"
    assert '$context.path"' not in line


def test_the_websocket_api_has_the_three_routes_logged_and_throttled(packaged: Templates) -> None:
    template = packaged["live"]
    routes = {route["RouteKey"] for route in resources(template, "AWS::ApiGatewayV2::Route").values()}
    assert routes == {"$connect", "$default", "$disconnect"}
    [stage] = resources(template, "AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 1000, "ThrottlingBurstLimit": 2000}
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["AccessLog", "Arn"]}
    line = json.loads(stage["AccessLogSettings"]["Format"])
    assert (line["route"], line["status"]) == ("$context.routeKey", "$context.status")
    assert "query" not in str(line).lower()


def test_failed_events_of_websockets_raise_an_alarm(packaged: Templates) -> None:
    [counted] = resources(packaged["live"], "AWS::Logs::MetricFilter").values()
    [metric] = counted["MetricTransformations"]
    alarm = resources(packaged["live"], "AWS::CloudWatch::Alarm")["WebsocketAPIFailedEvents"]
    assert counted["FilterPattern"] == '{ $.status = "5*" }'
    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["MetricNamespace"], metric["MetricName"])


@pytest.mark.parametrize(
    ("name", "setting", "url"),
    [
        ("live", "SOCKETS_ENDPOINT", "https://${WebsocketAPI}.execute-api."),
        ("engine", "SOCKETS_ENDPOINT", "https://${SocketsApi}.execute-api."),
        ("support", "SOCKETS_URL", "wss://${SocketsApi}.execute-api."),
    ],
)
def test_who_needs_the_websocket_api_learns_where_it_is(packaged: Templates, name: str, setting: str, url: str) -> None:
    given = packaged[name]["Globals"]["Function"]["Environment"]["Variables"][setting]["Fn::Sub"]
    assert given.startswith(url)
    assert given.endswith("/prod")


@pytest.mark.parametrize("bundle", BUNDLES, ids=NAMES)
def test_every_parameter_is_used_and_declared(packaged: Templates, bundle: Any) -> None:
    assert packaged[bundle.name]["Parameters"].keys() == parameters(bundle).keys()

"""The WebSocket API: its settings, its access log and its URLs. A deployment has one, for all bundles."""

import json

from infra import alarms
from infra.functions import Bundle
from infra.gateway import BURST, REQUESTS_PER_SECOND
from infra.names import API_STAGE, Template, sockets_api
from infra.stages import LOG_DAYS

SCHEMES = {"sockets_url": "wss", "sockets_endpoint": "https"}
"""Setting -> scheme of its URL: clients connect to the first; functions send to connected clients at the second."""

_LOGGED = {
    "request_id": "$context.requestId",
    "connection_id": "$context.connectionId",
    "ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latency_ms": "$context.integrationLatency",
    "error": "$context.error.responseType",
}
"""The access log's line, one for each event. It leaves the query out, because that may contain a token."""

_NAMESPACE = "Yardmaster"


def url(bundle: Bundle, setting: str) -> Template:
    """The value of a setting in SCHEMES, for the bundle's template; without a final slash."""
    return _url(SCHEMES[setting], bundle.sockets)


def _url(scheme: str, owner: bool) -> Template:
    host = f"${{{sockets_api(owner)}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
    return {"Fn::Sub": f"{scheme}://{host}/{API_STAGE}"}


def resources(name: Template) -> Template:
    """The resources to merge into the bundle whose WebSocket API has this name: settings, access log and alarm.

    API Gateway does not trace WebSockets; the functions behind them are traced.
    """
    settings = {
        "AccessLogSettings": {
            "DestinationArn": {"Fn::GetAtt": ["AccessLog", "Arn"]},
            "Format": json.dumps(_LOGGED, separators=(",", ":")),
        },
        "DefaultRouteSettings": {"ThrottlingRateLimit": REQUESTS_PER_SECOND, "ThrottlingBurstLimit": BURST},
    }
    log = {"LogGroupName": {"Fn::Sub": f"/aws/apigateway/{name['Fn::Sub']}"}, "RetentionInDays": LOG_DAYS}
    failed = {
        "LogGroupName": {"Ref": "AccessLog"},
        # API Gateway's own metric also counts events that were refused for good reason.
        "FilterPattern": '{ $.status = "5*" }',
        "MetricTransformations": [{"MetricNamespace": _NAMESPACE, "MetricName": name, "MetricValue": "1"}],
    }
    return {
        "WebsocketAPI": {"Properties": {"Name": name}},
        "WebsocketAPIStage": {"Properties": settings},
        "AccessLog": {"Type": "AWS::Logs::LogGroup", "Properties": log},
        "FailedEvents": {"Type": "AWS::Logs::MetricFilter", "Properties": failed},
        "WebsocketAPIFailedEvents": alarms.failed_events(_NAMESPACE, name),
    }


def outputs() -> Template:
    """The output `BaseUrl`: clients connect to it, with the documented path in the query parameter `path`."""
    return {"BaseUrl": {"Description": "Where WebSockets are opened", "Value": _url("wss", owner=True)}}

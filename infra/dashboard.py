"""A CloudWatch dashboard over the whole deployment, as CloudFormation: tasks first, then what is told to others, then
what costs money. docs/reference/alarms.md says what each metric means."""

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.changes.effects import EventKind
from chalicelib.domain.tasks.transitions import Reason
from infra.alarms import NAMESPACE
from infra.bundles import BUNDLES, consumers
from infra.names import API_STAGE, PREFIX, STORED, Template, default
from infra.policies import function_name
from infra.resources import dead_name

PARAMETER: Template = {
    "Type": "String",
    "Default": "true",
    "AllowedValues": ["true", "false"],
    "Description": "Whether there is a CloudWatch dashboard: three are free, each further one is $3 a month.",
}
CONDITIONS: Template = {"HasDashboard": {"Fn::Equals": [{"Ref": "Dashboard"}, "true"]}}

PERIOD = 300
WIDTH, HEIGHT = 12, 6
"""Of a widget, on a grid that is 24 wide."""

ENDS = (EventKind.COMPLETED, EventKind.FAILED, EventKind.TIMED_OUT, EventKind.CANCELLED)
ATTEMPTS = (EventKind.LEASED, EventKind.STARTED, EventKind.RETRIED, EventKind.RELEASED)

Metric = list[Any]
"""[namespace, metric, dimension, value, ..., options], as CloudWatch writes them."""


def resources() -> Template:
    """The dashboard, called as the deployment is."""
    body = {"widgets": [_placed(number, widget) for number, widget in enumerate(_widgets())]}
    properties = {"DashboardName": {"Ref": "Prefix"}, "DashboardBody": {"Fn::Sub": json.dumps(body)}}
    return {
        "Overview": {"Type": "AWS::CloudWatch::Dashboard", "Condition": "HasDashboard", "Properties": properties},
    }


def _placed(number: int, properties: Template) -> Template:
    row, column = divmod(number, 2)
    place = {"x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT}
    return {"type": "metric", **place, "properties": properties}


def _widgets() -> list[Template]:
    return [*_tasks(), *_told(), *_queues(), *_costs()]


def _tasks() -> list[Template]:
    return [
        _graph("Tasks by state", _own("TasksPending", "TasksHeld", "TasksRunning"), "Maximum"),
        _graph("Oldest ready task, seconds", _own("OldestReadyTaskAge"), "Maximum"),
        _graph("Submitted and ended", _own(*map(_event, (EventKind.SUBMITTED, *ENDS)))),
        _graph("Attempts: begun, tried again, given back", _own(*map(_event, ATTEMPTS))),
        _graph("Failed attempts by reason", _own(*(f"Failure.{reason}" for reason in Reason))),
        _graph("Lanes that nobody serves", _own("LanesNobodyServes"), "Maximum"),
    ]


def _told() -> list[Template]:
    return [
        _graph("Webhooks", _own("WebhookDelivered", "WebhookFailed", "WebhookDisabled")),
        _graph("Notifications", _own("NotificationSent", "NotificationRefused", "NotificationGivenUp", "EndingUntold")),
        _graph("The engine's own work", _own("Settled", "Stuck", "ChoreFailed", "Untold")),
        _graph("Workers that came and went", _own(_event(EventKind.ONLINE), _event(EventKind.OFFLINE))),
    ]


def _queues() -> list[Template]:
    names = [_named(setting) for setting in consumers()]
    ages = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name] for name in names]
    dead = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name] for name in _graves()]
    return [
        _graph("Oldest message of each queue, seconds", ages, "Maximum"),
        _graph("Dead letters and parked changes", dead, "Maximum"),
    ]


def _costs() -> list[Template]:
    functions = [function_name(bundle, function) for bundle in BUNDLES for function in bundle.functions]
    tables = [_named(setting) for setting in STORED if setting.endswith("_table")]
    sent = [["AWS/SQS", "NumberOfMessagesSent", "QueueName", _named(setting)] for setting in consumers()]
    return [
        _graph("Lambda: milliseconds by function", _of("AWS/Lambda", "Duration", "FunctionName", functions)),
        _graph("Lambda: runs by function", _of("AWS/Lambda", "Invocations", "FunctionName", functions)),
        _graph(
            "DynamoDB: write units by table",
            _of("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", tables),
        ),
        _graph("DynamoDB: read units by table", _of("AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", tables)),
        _graph("SQS: messages by queue", sent),
        _graph("Requests by API", [_requests(bundle.name) for bundle in BUNDLES if bundle.http]),
    ]


def _graph(title: str, metrics: Iterable[Metric], statistic: str = "Sum") -> Template:
    shown = {"title": title, "region": "${AWS::Region}", "view": "timeSeries", "period": PERIOD}
    return shown | {"stat": statistic, "metrics": list(metrics)}


def _own(*names: str) -> list[Metric]:
    return [[NAMESPACE, name, "service", "${Prefix}"] for name in names]


def _event(kind: EventKind) -> str:
    return f"Event.{kind}"


def _of(namespace: str, metric: str, dimension: str, names: Iterable[str]) -> list[Metric]:
    return [[namespace, metric, dimension, name] for name in names]


def _requests(api: str) -> Metric:
    return ["AWS/ApiGateway", "Count", "ApiName", f"${{Prefix}}-{api}", "Stage", API_STAGE]


def _named(setting: str) -> str:
    """The physical name, for Fn::Sub."""
    return "${Prefix}" + str(default(setting)).removeprefix(PREFIX)


def _graves() -> list[str]:
    graves = (dead_name(str(default(setting))) for setting in consumers())
    return [_named("parked_queue"), *("${Prefix}" + name.removeprefix(PREFIX) for name in graves)]

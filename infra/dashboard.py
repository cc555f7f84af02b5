"""A CloudWatch dashboard of the whole deployment, as CloudFormation: tasks first, then deliveries and queues, then
costs. docs/reference/alarms.md says what each metric means."""

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.changes.effects import EventKind
from chalicelib.domain.tasks.transitions import Reason
from infra.alarms import NAMESPACE
from infra.bundles import BUNDLES, consumers
from infra.names import API_STAGE, PREFIX, STORED, Template, default
from infra.policies import function_name
from infra.resources import dead_letter_queue_name

PARAMETER: Template = {
    "Type": "String",
    "Default": "true",
    "AllowedValues": ["true", "false"],
    "Description": "Whether there is a CloudWatch dashboard: three are free, each further one is $3 a month.",
}
CONDITIONS: Template = {"HasDashboard": {"Fn::Equals": [{"Ref": "Dashboard"}, "true"]}}

PERIOD = 300
WIDTH, HEIGHT = 12, 6
"""Size of a widget, on a grid of 24 columns."""

ENDS = (EventKind.COMPLETED, EventKind.FAILED, EventKind.TIMED_OUT, EventKind.CANCELLED)
NOTIFICATION_METRICS = ("NotificationSent", "NotificationRefused", "NotificationGivenUp", "EndingUntold")
ATTEMPTS = (EventKind.LEASED, EventKind.STARTED, EventKind.RETRIED, EventKind.RELEASED)

Metric = list[Any]
"""[namespace, metric, dimension, value, ..., options], CloudWatch's notation."""


def resources() -> Template:
    """The dashboard. Its name is the deployment's prefix."""
    body = {"widgets": [_widget(number, widget) for number, widget in enumerate(_widgets())]}
    properties = {"DashboardName": {"Ref": "Prefix"}, "DashboardBody": {"Fn::Sub": json.dumps(body)}}
    return {
        "Overview": {"Type": "AWS::CloudWatch::Dashboard", "Condition": "HasDashboard", "Properties": properties},
    }


def _widget(number: int, properties: Template) -> Template:
    row, column = divmod(number, 2)
    place = {"x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT}
    return {"type": "metric", **place, "properties": properties}


def _widgets() -> list[Template]:
    return [*_tasks(), *_deliveries(), *_queues(), *_costs()]


def _tasks() -> list[Template]:
    return [
        _graph("Tasks by state", _own_metrics("TasksPending", "TasksHeld", "TasksRunning"), "Maximum"),
        _graph("Oldest ready task, seconds", _own_metrics("OldestReadyTaskAge"), "Maximum"),
        _graph("Submitted and ended", _own_metrics(*map(_event, (EventKind.SUBMITTED, *ENDS)))),
        _graph("Attempts: leased, started, retried, released", _own_metrics(*map(_event, ATTEMPTS))),
        _graph("Failed attempts by reason", _own_metrics(*(f"Failure.{reason}" for reason in Reason))),
        _graph("Lanes that no worker serves", _own_metrics("LanesNobodyServes"), "Maximum"),
    ]


def _deliveries() -> list[Template]:
    return [
        _graph("Webhooks", _own_metrics("WebhookDelivered", "WebhookFailed", "WebhookDisabled")),
        _graph(
            "Notifications",
            _own_metrics("NotificationSent", "NotificationRefused", "NotificationGivenUp", "EndingUntold"),
        ),
        _graph("The engine's own work", _own_metrics("Settled", "Stuck", "ChoreFailed", "Untold")),
        _graph(
            "Workers that went online and offline", _own_metrics(_event(EventKind.ONLINE), _event(EventKind.OFFLINE))
        ),
    ]


def _queues() -> list[Template]:
    names = [_physical_name(setting) for setting in consumers()]
    ages = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name] for name in names]
    dead = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name] for name in _dead_letter_queues()]
    return [
        _graph("Oldest message of each queue, seconds", ages, "Maximum"),
        _graph("Dead letters and parked changes", dead, "Maximum"),
    ]


def _costs() -> list[Template]:
    functions = [function_name(bundle, function) for bundle in BUNDLES for function in bundle.functions]
    tables = [_physical_name(setting) for setting in STORED if setting.endswith("_table")]
    sent = [["AWS/SQS", "NumberOfMessagesSent", "QueueName", _physical_name(setting)] for setting in consumers()]
    return [
        _graph("Lambda: milliseconds by function", _metrics_of("AWS/Lambda", "Duration", "FunctionName", functions)),
        _graph("Lambda: runs by function", _metrics_of("AWS/Lambda", "Invocations", "FunctionName", functions)),
        _graph(
            "DynamoDB: write units by table",
            _metrics_of("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", tables),
        ),
        _graph(
            "DynamoDB: read units by table",
            _metrics_of("AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", tables),
        ),
        _graph("SQS: messages by queue", sent),
        _graph("Requests by API", [_requests(bundle.name) for bundle in BUNDLES if bundle.http]),
    ]


def _graph(title: str, metrics: Iterable[Metric], statistic: str = "Sum") -> Template:
    shown = {"title": title, "region": "${AWS::Region}", "view": "timeSeries", "period": PERIOD}
    return shown | {"stat": statistic, "metrics": list(metrics)}


def _own_metrics(*names: str) -> list[Metric]:
    return [[NAMESPACE, name, "service", "${Prefix}"] for name in names]


def _event(kind: EventKind) -> str:
    return f"Event.{kind}"


def _metrics_of(namespace: str, metric: str, dimension: str, names: Iterable[str]) -> list[Metric]:
    return [[namespace, metric, dimension, name] for name in names]


def _requests(api: str) -> Metric:
    return ["AWS/ApiGateway", "Count", "ApiName", f"${{Prefix}}-{api}", "Stage", API_STAGE]


def _physical_name(setting: str) -> str:
    """The physical name, for Fn::Sub."""
    return "${Prefix}" + str(default(setting)).removeprefix(PREFIX)


def _dead_letter_queues() -> list[str]:
    names = (dead_letter_queue_name(str(default(setting))) for setting in consumers())
    return [_physical_name("parked_queue"), *("${Prefix}" + name.removeprefix(PREFIX) for name in names)]

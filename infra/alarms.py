"""CloudWatch alarms as CloudFormation. They notify the SNS topic in the parameter AlarmTopic, if it is set."""

from typing import Any

from infra.names import Template

ALARM_TOPIC: Template = {
    "Type": "String",
    "Default": "",
    "Description": "ARN of the SNS topic that alarms notify; empty: alarms only show in CloudWatch.",
}
WAIT_ALARM: Template = {
    "Type": "Number",
    "Default": 900,
    "MinValue": 60,
    "Description": "Seconds that a ready task may wait for a worker before the alarm TasksWaitLong goes off.",
}
CONDITIONS: Template = {"HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopic"}, ""]}]}}

NAMESPACE = "Yardmaster"
DEPLOYMENT: Template = {"service": {"Ref": "Prefix"}}
"""Namespace and dimension of our own metrics (chalicelib/observability.py)."""
LATE_SECONDS = 300
"""How old the oldest message of a queue, or record of a stream, may be before the alarm goes off."""
UNSERVED_PERIODS = 2
"""For how many periods of five minutes a lane may have no worker: one may be about to register."""
FAILED_REQUESTS = 5
"""How many responses of an API may be 5xx within five minutes."""


def dead_letters(queue: object) -> Template:
    """Alarm: the dead-letter queue `queue` holds anything."""
    return _alarm(
        "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}, "Maximum", 0, "Dead letters are waiting."
    )


def late_queue(queue: object) -> Template:
    """Alarm: messages of `queue` wait for longer than LATE_SECONDS."""
    dimensions = {"QueueName": queue}
    return _alarm(
        "AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, "Maximum", LATE_SECONDS, "Messages wait too long."
    )


def errors(function: object) -> Template:
    """Alarm: the function fails."""
    return _alarm("AWS/Lambda", "Errors", {"FunctionName": function}, "Sum", 0, "The function failed.")


def throttles(function: object) -> Template:
    """Alarm: Lambda refuses to run the function, because no concurrency is left."""
    return _alarm("AWS/Lambda", "Throttles", {"FunctionName": function}, "Sum", 0, "The function was throttled.")


def late_stream(function: object) -> Template:
    """Alarm: a stream's function is LATE_SECONDS behind. Until it catches up no change has effects."""
    dimensions = {"FunctionName": function}
    return _alarm("AWS/Lambda", "IteratorAge", dimensions, "Maximum", LATE_SECONDS * 1000, "The stream is behind.")


def failed_requests(api: object, stage: str) -> Template:
    """Alarm: the API answers with 5xx more than FAILED_REQUESTS times in five minutes."""
    dimensions = {"ApiName": api, "Stage": stage}
    return _alarm("AWS/ApiGateway", "5XXError", dimensions, "Sum", FAILED_REQUESTS, "The API answers with 5xx.")


def failed_events(namespace: str, metric: object) -> Template:
    """Alarm: more than FAILED_REQUESTS events of WebSockets, as a log's metric counts them, end in 5xx."""
    return _alarm(namespace, metric, {}, "Sum", FAILED_REQUESTS, "The WebSocket API answers with 5xx.")


def failed_jobs() -> Template:
    """Alarm: a background job fails. It is tried again without end; if it keeps failing, an operator must act."""
    return _alarm_on_count("ChoreFailed", "A background job failed.")


def lost_completion_notices() -> Template:
    """Alarm: the notification that a task ended, which its owner asked for, could not be sent."""
    return _alarm_on_count("EndingUntold", "No notification could be sent that a task ended.")


def unserved_lanes() -> Template:
    """Alarm: no registered worker has what some ready tasks need, for longer than UNSERVED_PERIODS."""
    alarm = _alarm_on_value("LanesNobodyServes", 0, "No registered worker can take some of the ready tasks.")
    alarm["Properties"] |= {"EvaluationPeriods": UNSERVED_PERIODS}
    return alarm


def long_waits() -> Template:
    """Alarm: a ready task waits for a worker for longer than the parameter WaitAlarmSeconds."""
    return _alarm_on_value("OldestReadyTaskAge", {"Ref": "WaitAlarmSeconds"}, "Ready tasks wait too long for a worker.")


def _alarm_on_count(metric: str, description: str) -> Template:
    """Alarm: `metric` is counted at least once (chalicelib/observability.py)."""
    return _alarm(NAMESPACE, metric, DEPLOYMENT, "Sum", 0, description)


def _alarm_on_value(metric: str, threshold: object, description: str) -> Template:
    """Alarm: any value of `metric` is above the threshold."""
    return _alarm(NAMESPACE, metric, DEPLOYMENT, "Maximum", threshold, description)


def _alarm(
    namespace: str, metric: object, dimensions: dict[str, Any], statistic: str, threshold: object, description: str
) -> Template:
    properties = {
        "AlarmDescription": description,
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Statistic": statistic,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": threshold,
        "Period": 300,
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopic"}, {"Ref": "AWS::NoValue"}]}],
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}

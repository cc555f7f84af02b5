"""Alarms as CloudFormation. They tell the SNS topic in the parameter AlarmTopic, or nobody when it is empty."""

from typing import Any

from infra.names import Template

ALARM_TOPIC: Template = {
    "Type": "String",
    "Default": "",
    "Description": "ARN of the SNS topic that alarms go to; empty: they only show in CloudWatch.",
}
WAIT_ALARM: Template = {
    "Type": "Number",
    "Default": 900,
    "MinValue": 60,
    "Description": "Seconds that a ready task may wait for a worker before the alarm TasksWaitLong rings.",
}
CONDITIONS: Template = {"HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopic"}, ""]}]}}

NAMESPACE = "Yardmaster"
DEPLOYMENT: Template = {"service": {"Ref": "Prefix"}}
"""Namespace and dimension of our own metrics (chalicelib/observability.py)."""
LATE_SECONDS = 300
"""How old the oldest message of a queue, or record of a stream, may grow before somebody should look."""
UNSERVED_PERIODS = 2
"""For how many times five minutes nobody may serve a lane: a worker may be about to register."""
FAILED_REQUESTS = 5
"""How many answers of an API may be 5xx within five minutes."""


def dead_letters(queue: object) -> Template:
    """Rings when the dead-letter queue `queue` holds anything."""
    return _alarm(
        "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}, "Maximum", 0, "Dead letters are waiting."
    )


def late(queue: object) -> Template:
    """Rings when messages of `queue` wait for longer than LATE_SECONDS."""
    dimensions = {"QueueName": queue}
    return _alarm(
        "AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, "Maximum", LATE_SECONDS, "Messages wait too long."
    )


def errors(function: object) -> Template:
    """Rings when the function fails."""
    return _alarm("AWS/Lambda", "Errors", {"FunctionName": function}, "Sum", 0, "The function failed.")


def throttles(function: object) -> Template:
    """Rings when Lambda refuses to run the function for want of concurrency."""
    return _alarm("AWS/Lambda", "Throttles", {"FunctionName": function}, "Sum", 0, "The function was throttled.")


def lagging(function: object) -> Template:
    """Rings when a stream's function is LATE_SECONDS behind: nothing that follows from changes happens meanwhile."""
    dimensions = {"FunctionName": function}
    return _alarm("AWS/Lambda", "IteratorAge", dimensions, "Maximum", LATE_SECONDS * 1000, "The stream is behind.")


def failed_requests(api: object, stage: str) -> Template:
    """Rings when the API answers with 5xx more than FAILED_REQUESTS times in five minutes."""
    dimensions = {"ApiName": api, "Stage": stage}
    return _alarm("AWS/ApiGateway", "5XXError", dimensions, "Sum", FAILED_REQUESTS, "The API answers with 5xx.")


def failed_events(namespace: str, metric: object) -> Template:
    """Rings when more than FAILED_REQUESTS events of WebSockets, as a log's metric counts them, end in 5xx."""
    return _alarm(namespace, metric, {}, "Sum", FAILED_REQUESTS, "The WebSocket API answers with 5xx.")


def failed_chores() -> Template:
    """Rings when what must get done in the background fails: it is tried again, for ever, and needs somebody if it does
    not succeed."""
    return _counted("ChoreFailed", "A chore failed.")


def untold_endings() -> Template:
    """Rings when people asked to be told how a task ended, and nobody could be."""
    return _counted("EndingUntold", "Nobody was told how a task ended.")


def unserved_lanes() -> Template:
    """Rings when ready tasks ask for what no registered worker has, for longer than UNSERVED_PERIODS."""
    found = _measured("LanesNobodyServes", 0, "No registered worker can take some of the ready tasks.")
    found["Properties"] |= {"EvaluationPeriods": UNSERVED_PERIODS}
    return found


def long_waits() -> Template:
    """Rings when a ready task waits for a worker for longer than the parameter WaitAlarmSeconds."""
    return _measured("OldestReadyTaskAge", {"Ref": "WaitAlarmSeconds"}, "Ready tasks wait too long for a worker.")


def _counted(metric: str, description: str) -> Template:
    """Rings when any of `metric` is counted (chalicelib/observability.py)."""
    return _alarm(NAMESPACE, metric, DEPLOYMENT, "Sum", 0, description)


def _measured(metric: str, threshold: object, description: str) -> Template:
    """Rings when any value of `metric` is above the threshold."""
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

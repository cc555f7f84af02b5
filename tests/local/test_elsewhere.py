"""Tables and queues made by calls are those that CloudFormation makes. Elsewhere, here, is moto by its full address."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.local import elsewhere
from infra.local.cloud import cloud
from infra.resources import storage_template

TABLE = ("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "StreamSpecification")
QUEUE = ("QueueArn", "VisibilityTimeout", "MessageRetentionPeriod", "RedrivePolicy", "FifoQueue")


@pytest.fixture(autouse=True)
def endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(elsewhere.DYNAMODB, "https://dynamodb.us-east-1.amazonaws.com")
    monkeypatch.setenv(elsewhere.SQS, "https://sqs.us-east-1.amazonaws.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "https://streams.dynamodb.us-east-1.amazonaws.com")


def tables() -> list[dict[str, Any]]:
    client = boto3.client("dynamodb")
    found = [client.describe_table(TableName=name)["Table"] for name in client.list_tables()["TableNames"]]
    return [{name: _sorted(table.get(name)) for name in TABLE} for table in found]


def _sorted(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return sorted(({k: v for k, v in row.items() if k not in ("ProvisionedThroughput",)} for row in value), key=str)


def queues() -> list[dict[str, Any]]:
    client = boto3.client("sqs")
    urls = sorted(client.list_queues()["QueueUrls"])
    found = [client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in urls]
    return [{name: _untyped(queue.get(name)) for name in QUEUE} for queue in found]


def _untyped(value: str | None) -> str | None:
    return value and value.replace('"', "").replace(" ", "")


def test_what_calls_make_is_what_cloudformation_makes() -> None:
    with mock_aws():
        elsewhere.create(storage_template())
        made = (tables(), queues())
    with cloud():
        assert made == (tables(), queues())
    assert len(made[0]) == 9


def test_what_is_there_stays() -> None:
    with mock_aws():
        elsewhere.create(storage_template())
        boto3.client("dynamodb").put_item(TableName="yardmaster-tasks", Item={"id": {"S": "kept"}})
        elsewhere.create(storage_template())
        assert boto3.client("dynamodb").scan(TableName="yardmaster-tasks")["Count"] == 1

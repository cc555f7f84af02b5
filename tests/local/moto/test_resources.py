"""API calls create the same resources as CloudFormation from the template. The other server is moto by its URL."""

import json
from collections import Counter
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.local.moto import resources
from infra.names import STORED, parameter
from infra.resources import storage_template

TABLE = ("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "StreamSpecification")
QUEUE = ("QueueArn", "VisibilityTimeout", "MessageRetentionPeriod", "RedrivePolicy", "FifoQueue")


@pytest.fixture(params=["moto", "another server"])
def endpoints(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "moto":
        return
    monkeypatch.setenv(resources.DYNAMODB, "https://dynamodb.us-east-1.amazonaws.com")
    monkeypatch.setenv(resources.SQS, "https://sqs.us-east-1.amazonaws.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "https://streams.dynamodb.us-east-1.amazonaws.com")


def tables() -> list[dict[str, Any]]:
    client = boto3.client("dynamodb")
    found = [client.describe_table(TableName=name)["Table"] for name in client.list_tables()["TableNames"]]
    return [{name: _sort_rows(table.get(name)) for name in TABLE} for table in found]


def _sort_rows(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return sorted(({k: v for k, v in row.items() if k not in ("ProvisionedThroughput",)} for row in value), key=str)


def queues() -> list[dict[str, Any]]:
    client = boto3.client("sqs")
    urls = sorted(client.list_queues()["QueueUrls"])
    found = [client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in urls]
    return [{name: _normalize(queue.get(name)) for name in QUEUE} for queue in found]


def _normalize(value: str | None) -> str | None:
    return value and value.replace('"', "").replace(" ", "")


def buckets() -> list[str]:
    return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]


def by_cloudformation() -> dict[str, str]:
    client = boto3.client("cloudformation")
    client.create_stack(StackName="yardmaster", TemplateBody=json.dumps(storage_template()))
    [made] = client.describe_stacks(StackName="yardmaster")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}


@pytest.mark.usefixtures("endpoints")
def test_calls_create_what_cloudformation_creates() -> None:
    with mock_aws():
        names = resources.create(storage_template())
        created = (tables(), queues(), buckets())
    with mock_aws():
        outputs = by_cloudformation()
        assert created == (tables(), queues(), buckets())
    types = Counter(resource["Type"] for resource in storage_template()["Resources"].values())
    expected = [types["AWS::DynamoDB::Table"], types["AWS::SQS::Queue"], types["AWS::S3::Bucket"]]
    assert [len(some) for some in created] == expected and all(expected)
    logical = [parameter(setting) for setting in STORED]
    assert [names[name] for name in logical] == [outputs[name] for name in logical]


@pytest.mark.usefixtures("endpoints")
def test_existing_tables_stay() -> None:
    with mock_aws():
        resources.create(storage_template())
        boto3.client("dynamodb").put_item(TableName="yardmaster-tasks", Item={"id": {"S": "kept"}})
        resources.create(storage_template())
        assert boto3.client("dynamodb").scan(TableName="yardmaster-tasks")["Count"] == 1

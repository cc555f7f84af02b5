"""Create the storage template's resources by API calls, at moto or at the servers that the environment names.

Those servers have no CloudFormation, and moto's takes two seconds to start.
"""

import os
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.config import settings
from infra.names import PREFIX, Template

DYNAMODB, SQS = "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"
_STREAMS = "AWS_ENDPOINT_URL_DYNAMODB_STREAMS"
_QUEUE_ATTRIBUTES = ("VisibilityTimeout", "MessageRetentionPeriod", "FifoQueue", "ContentBasedDeduplication")
_ACCOUNT = "123456789012"
_NAMES = {"AWS::DynamoDB::Table": "TableName", "AWS::SQS::Queue": "QueueName", "AWS::S3::Bucket": "BucketName"}


def create(template: Template) -> dict[str, str]:
    """Create the template's tables, queues and buckets, unless they exist. Returns logical id -> physical name."""
    if os.environ.get(DYNAMODB):
        # Known servers, such as DynamoDB Local and dynalite, serve streams at the same URL as tables.
        os.environ.setdefault(_STREAMS, os.environ[DYNAMODB])
    resources = template["Resources"]
    _create_tables(_of_type(resources, "AWS::DynamoDB::Table"))
    _create_queues(_of_type(resources, "AWS::SQS::Queue"))
    _create_buckets(_of_type(resources, "AWS::S3::Bucket"))
    return {name: _name(found["Properties"][_NAMES[found["Type"]]]) for name, found in resources.items()}


def _of_type(resources: Template, kind: str) -> dict[str, Template]:
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def _client(service: str) -> Any:
    return boto3.client(service, region_name=settings().region)  # type: ignore[call-overload]


def _create_tables(tables: dict[str, Template]) -> None:
    client = _client("dynamodb")
    for table in tables.values():
        try:
            client.create_table(**_table(table))
        except client.exceptions.ResourceInUseException:
            continue
        client.get_waiter("table_exists").wait(TableName=_name(table["TableName"]), WaiterConfig={"Delay": 1})


def _table(properties: Template) -> dict[str, Any]:
    kept = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    creation = {name: properties[name] for name in kept if name in properties}
    if stream := properties.get("StreamSpecification"):
        creation["StreamSpecification"] = stream | {"StreamEnabled": True}
    return creation | {"TableName": _name(properties["TableName"])}


def _create_queues(queues: dict[str, Template]) -> None:
    client = _client("sqs")
    arns: dict[str, str] = {}
    for name, properties in sorted(queues.items(), key=lambda item: "RedrivePolicy" in item[1]):
        url = _queue_url(client, _name(properties["QueueName"]), _attributes(properties, arns))
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arns[name] = found["Attributes"]["QueueArn"]


def _queue_url(client: Any, name: str, attributes: dict[str, str]) -> str:
    try:
        return str(client.get_queue_url(QueueName=name)["QueueUrl"])
    except ClientError:
        return str(client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _attributes(properties: Template, arns: dict[str, str]) -> dict[str, str]:
    attributes = {name: str(properties[name]).lower() for name in _QUEUE_ATTRIBUTES if name in properties}
    if policy := properties.get("RedrivePolicy"):
        dead, receives = policy["deadLetterTargetArn"]["Fn::GetAtt"][0], policy["maxReceiveCount"]
        attributes["RedrivePolicy"] = f'{{"deadLetterTargetArn":"{arns[dead]}","maxReceiveCount":"{receives}"}}'
    return attributes


def _create_buckets(buckets: dict[str, Template]) -> None:
    region = settings().region
    # S3 accepts every region as a location constraint, except us-east-1.
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    for properties in buckets.values():
        _client("s3").create_bucket(Bucket=_name(properties["BucketName"]), **place)


def _name(text: Template) -> str:
    replacements = {"${Prefix}": PREFIX, "${AWS::AccountId}": _ACCOUNT, "${AWS::Region}": settings().region}
    name = str(text["Fn::Sub"])
    for variable, value in replacements.items():
        name = name.replace(variable, value)
    return name

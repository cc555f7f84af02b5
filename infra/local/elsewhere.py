"""The same tables and queues at another server than moto's, made by calls, since it has no CloudFormation."""

import os
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.config import settings
from infra.names import PREFIX, Template

DYNAMODB, SQS = "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"
_STREAMS = "AWS_ENDPOINT_URL_DYNAMODB_STREAMS"
_QUEUE_ATTRIBUTES = ("VisibilityTimeout", "MessageRetentionPeriod", "FifoQueue", "ContentBasedDeduplication")


def create(template: Template) -> None:
    """Make what belongs to the services that the environment sends elsewhere; what is there already stays."""
    resources = template["Resources"]
    if os.environ.get(DYNAMODB):
        # The servers we know serve streams beside the tables.
        os.environ.setdefault(_STREAMS, os.environ[DYNAMODB])
        _create_tables([found["Properties"] for found in resources.values() if found["Type"] == "AWS::DynamoDB::Table"])
    if os.environ.get(SQS):
        _create_queues({name: found["Properties"] for name, found in resources.items() if _is_queue(found)})


def _is_queue(resource: Template) -> bool:
    return bool(resource["Type"] == "AWS::SQS::Queue")


def _create_tables(tables: list[Template]) -> None:
    client = boto3.client("dynamodb", region_name=settings().region)
    for table in tables:
        try:
            client.create_table(**_table(table))
        except client.exceptions.ResourceInUseException:
            continue
        client.get_waiter("table_exists").wait(TableName=_name(table["TableName"]), WaiterConfig={"Delay": 1})


def _table(properties: Template) -> dict[str, Any]:
    taken = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    found = {name: properties[name] for name in taken if name in properties}
    if stream := properties.get("StreamSpecification"):
        found["StreamSpecification"] = stream | {"StreamEnabled": True}
    return found | {"TableName": _name(properties["TableName"])}


def _create_queues(queues: dict[str, Template]) -> None:
    client = boto3.client("sqs", region_name=settings().region)
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
    found = {name: str(properties[name]).lower() for name in _QUEUE_ATTRIBUTES if name in properties}
    if policy := properties.get("RedrivePolicy"):
        dead, receives = policy["deadLetterTargetArn"]["Fn::GetAtt"][0], policy["maxReceiveCount"]
        found["RedrivePolicy"] = f'{{"deadLetterTargetArn":"{arns[dead]}","maxReceiveCount":"{receives}"}}'
    return found


def _name(text: Template) -> str:
    return str(text["Fn::Sub"]).replace("${Prefix}", PREFIX)

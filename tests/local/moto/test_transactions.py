"""A refused transaction changes nothing, and the stream continues."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.lambdas.sources import StreamSource

Names = dict[str, str]


def put(table: str, key: str, value: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": table, "Item": {"id": {"S": key}, "value": {"S": value}}, **more}}


def test_a_refused_transaction_leaves_items_and_stream_as_they_were(names: Names) -> None:
    client, table = boto3.client("dynamodb"), names["tasks_table"]
    client.transact_write_items(TransactItems=[put(table, "kept", "1"), put(table, "gone", "1")])
    client.delete_item(TableName=table, Key={"id": {"S": "gone"}})
    read: list[Any] = []
    source = StreamSource(table, 100, lambda event: read.extend(event["Records"]))
    source.take()()
    assert len(read) == 3
    refused = put(table, "gone", "3", ConditionExpression="attribute_exists(id)")
    with pytest.raises(ClientError) as caught:
        client.transact_write_items(TransactItems=[put(table, "kept", "2"), put(table, "new", "2"), refused])
    assert [reason["Code"] for reason in caught.value.response["CancellationReasons"]] == [
        "None",
        "None",
        "ConditionalCheckFailed",
    ]
    assert client.get_item(TableName=table, Key={"id": {"S": "kept"}})["Item"]["value"] == {"S": "1"}
    assert "Item" not in client.get_item(TableName=table, Key={"id": {"S": "new"}})
    assert source.take() is None
    client.put_item(TableName=table, Item={"id": {"S": "later"}})
    source.take()()
    assert [record["dynamodb"]["Keys"] for record in read[3:]] == [{"id": {"S": "later"}}]

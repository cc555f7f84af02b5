"""moto refuses what DynamoDB refuses."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.local.moto import refusals

KEYS = {"part": "HASH", "rank": "RANGE"}


@pytest.fixture(params=["S", "N"])
def count_between(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A function that counts the rows between two ranks, which are texts or numbers."""
    kind = request.param
    with refusals.refusing_more(), mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": name, "KeyType": key} for name, key in KEYS.items()],
            AttributeDefinitions=[
                {"AttributeName": "part", "AttributeType": "S"},
                {"AttributeName": "rank", "AttributeType": kind},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        for rank in ("2", "9", "10"):
            client.put_item(TableName="t", Item={"part": {"S": "p"}, "rank": {kind: rank}})

        def ask(low: str, high: str) -> int:
            values = {":p": {"S": "p"}, ":low": {kind: low}, ":high": {kind: high}}
            condition = "part = :p AND rank BETWEEN :low AND :high"
            answer = client.query(TableName="t", KeyConditionExpression=condition, ExpressionAttributeValues=values)
            return int(answer["Count"])

        ask.kind = kind  # type: ignore[attr-defined]
        yield ask


def test_a_range_of_keys_that_ends_before_it_begins_is_refused(count_between: Any) -> None:
    # As numbers 2 is below 10, as texts it is above.
    low, high = ("10", "2") if count_between.kind == "N" else ("2", "10")
    with pytest.raises(ClientError, match="upper bound to be greater than or equal to lower bound") as refused:
        count_between(low, high)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert count_between(high, low) == (3 if count_between.kind == "N" else 2)


def test_a_range_of_one_key_is_accepted(count_between: Any) -> None:
    assert count_between("9", "9") == 1

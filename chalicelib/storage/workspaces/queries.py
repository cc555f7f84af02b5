"""Queries of a partition of the `workspaces` table, whose items are of several kinds."""

from collections.abc import Iterator

from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem
from chalicelib.storage.workspaces.table import WorkspacesTable


def read_range(
    partition: str, first: str, last: str, *, descending: bool = False, limit: int | None = None
) -> Iterator[RawItem]:
    """The items with sort keys from `first` to `last`, both included, as of now.

    One call for each megabyte, or for each `limit` items; a further one is made when its items are asked for.
    """
    request = {
        "TableName": WorkspacesTable._get_connection().table_name,
        "KeyConditionExpression": "#partition = :partition AND #key BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#partition": "partition", "#key": "key"},
        "ExpressionAttributeValues": {":partition": {"S": partition}, ":first": {"S": first}, ":last": {"S": last}},
        "ScanIndexForward": not descending,
        "ConsistentRead": True,
        **({"Limit": limit} if limit is not None else {}),
    }
    connection = WorkspacesTable._get_connection().connection
    while True:
        answer = dynamodb.call(connection, "Query", request)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

"""A stream drops records that have been read, and its reader misses none."""

from typing import Any

import boto3
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodbstreams.models import dynamodbstreams_backends

from infra.local.lambdas.sources import StreamSource
from infra.local.moto.streams import ITERATORS_KEPT

Names = dict[str, str]
ACCOUNT = "123456789012", "us-east-1"


def test_read_records_are_dropped_and_every_record_comes_once(names: Names) -> None:
    client, table, read = boto3.client("dynamodb"), names["tasks_table"], list[Any]()
    source = StreamSource(table, 2, lambda event: read.extend(event["Records"]))
    shard: Any = dynamodb_backends[ACCOUNT[0]][ACCOUNT[1]].tables[table].stream_shard
    for number in range(7):
        client.put_item(TableName=table, Item={"id": {"S": str(number)}})
        if number % 3 == 2:
            while job := source.take():
                job()
            assert len(shard.items) <= 2
    while job := source.take():
        job()
    keys = [record["dynamodb"]["Keys"]["id"]["S"] for record in read]
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in read]
    assert keys == [str(number) for number in range(7)]
    assert numbers == sorted(set(numbers)) and not shard.items


def test_a_later_reader_begins_with_the_kept_records(names: Names) -> None:
    client, table, read = boto3.client("dynamodb"), names["tasks_table"], list[Any]()
    first = StreamSource(table, 100, lambda _: None)
    for number in range(3):
        client.put_item(TableName=table, Item={"id": {"S": str(number)}})
        while job := first.take():
            job()
    client.put_item(TableName=table, Item={"id": {"S": "last"}})
    later = StreamSource(table, 100, lambda event: read.extend(event["Records"]))
    job = later.take()
    assert job is not None
    job()
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in read] == ["last"]


def test_iterators_do_not_pile_up(names: Names) -> None:
    client = boto3.client("dynamodbstreams")
    stream = boto3.client("dynamodb").describe_table(TableName=names["tasks_table"])["Table"]["LatestStreamArn"]
    [shard] = client.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    place = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "LATEST"}
    backend = dynamodbstreams_backends[ACCOUNT[0]][ACCOUNT[1]]
    iterator = client.get_shard_iterator(**place)["ShardIterator"]
    backend.shard_iterators |= {str(number): backend.shard_iterators[iterator] for number in range(ITERATORS_KEPT)}
    for _ in range(5):
        iterator = client.get_records(ShardIterator=iterator)["NextShardIterator"]
        assert len(backend.shard_iterators) <= ITERATORS_KEPT

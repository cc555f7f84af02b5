"""The faster functions answer the same bytes as moto does. DynamoDB's answers have a checksum, which is compared."""

import gc
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.serialize import JSONSerializer, XFormedAttributePicker
from moto.core.utils import get_service_model
from moto.dynamodb.models.dynamo_type import Item

from infra.local.moto import fast_paths

Call = tuple[str, str, dict[str, Any]]
KEY, OTHER = {"id": {"S": "a"}}, {"id": {"S": "x"}}
QUEUE = {"QueueUrl": "https://queue.amazonaws.com/123456789012/q"}
HUGE = {"S": "x" * 200_000}
EVERY_TYPE: dict[str, Any] = {
    "wording": {"S": "ä \u2713"},
    "none": {"S": ""},
    "amount": {"N": "12.50"},
    "raw": {"B": b"\x00\xff"},
    "texts": {"SS": ["x", "y"]},
    "numbers": {"NS": ["1", "2"]},
    "blobs": {"BS": [b"1", b"2"]},
    "nothing": {"NULL": True},
    "truth": {"BOOL": False},
    "listed": {"L": [{"S": "0"}, {"N": "1"}, {"M": {"items": {"S": "S"}, "s": {"L": []}}}]},
    "tree": {"M": {"deep": {"M": {"deeper": {"L": [{"BOOL": True}]}}}, "empty": {"M": {}}}},
}


def _update(expression: str, condition: str | None = None, returned: str = "ALL_NEW", **more: Any) -> Call:
    arguments = {"Key": KEY, "UpdateExpression": expression, "ReturnValues": returned} | more
    if condition:
        arguments |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    return "dynamodb", "update_item", {"TableName": "t"} | arguments


def _values(**values: Any) -> dict[str, Any]:
    return {"ExpressionAttributeValues": {f":{name}": value for name, value in values.items()}}


def _names(**names: str) -> dict[str, Any]:
    return {"ExpressionAttributeNames": {f"#{name}": value for name, value in names.items()}}


def _put(name: str, **more: Any) -> dict[str, Any]:
    return {"TableName": "t", "Item": {"id": {"S": name}, "sort_of": {"S": "k"}, "amount": {"N": "3"}} | more}


def _query(**more: Any) -> Call:
    base = {"TableName": "t", "IndexName": "by_kind", "KeyConditionExpression": "sort_of = :k"}
    return "dynamodb", "query", base | more


def _put_ranged(partition: str, rank: str) -> Call:
    return "dynamodb", "put_item", {"TableName": "ranged", "Item": {"part": {"S": partition}, "rank": {"S": rank}}}


def _query_ranged(condition: str = "part = :p", **more: Any) -> Call:
    base = {"TableName": "ranged", "KeyConditionExpression": condition}
    arguments = {":p": {"S": "p"}} | more.pop("values", {})
    return "dynamodb", "query", base | {"ExpressionAttributeValues": arguments} | more


def _usual_updates() -> list[Call]:
    """Updates in pynamodb's form, some of which are refused."""
    names = {"m": "tree", "e": "entry", "d": "deep", "n": "amount", "w": "wording", "x": "fresh", "k": "id"}
    values = {
        "s": {"S": "s"},
        "one": {"N": "1"},
        "half": {"N": "0.50"},
        "set": {"SS": ["q"]},
        "h": {"S": "x" * 200_000},
    }

    def update(expression: str, condition: str | None = None) -> Call:
        text = f"{expression} {condition or ''}"
        used = {f"#{name}": value for name, value in names.items() if f"#{name}" in text}
        arguments = {f":{name}": value for name, value in values.items() if f":{name}" in text}
        more: dict[str, Any] = {"ExpressionAttributeValues": arguments} if arguments else {}
        return _update(expression, condition, **more, **({"ExpressionAttributeNames": used} if used else {}))

    return [
        update("SET #w = :s, #m.#e = :one, #x = if_not_exists (#x, :s) REMOVE #q ADD #n :half"),
        update("SET #w = :s, #m.#e = :one, #x = if_not_exists (#w, :s) ADD #n :half", "#w = :s AND #n > :one"),
        update("SET #x = if_not_exists (#m.#e, :s) REMOVE #m.#e", "attribute_exists (#m.#e)"),
        update("SET #x = if_not_exists (#m.#d, :s)", "attribute_exists (#m.#e)"),
        update("REMOVE #m.#e, #x", "attribute_not_exists (#m.#e) AND size (#m) < :one"),
        update("ADD #x :one, #n :one"),
        update("REMOVE #x ADD #n :one"),
        update("ADD #x :set"),
        update("ADD #n :set"),
        update("ADD #w :one"),
        update("SET #k = :s"),
        update("SET #x = #k"),
        update("SET #x = #n + :one"),
        update("SET #x = :s, #x = :one"),
        update("SET #x = :s REMOVE #x"),
        update("SET #x = :s, #x.#e = :one"),
        update("SET #x.#e = :one"),
        update("SET #m.#d.#e = :one REMOVE #w.#e"),
        update("SET #absent = :one"),
        update("SET #x = :absent"),
        update("SET #x = :h"),
        update("SET #x = :h, #w = :h, #m.#e = :h"),
        update("SET #w = :h, #x = :h"),
        update("SET #x = :s, #w = :s"),
        ("dynamodb", "get_item", {"TableName": "t", "Key": KEY}),
        _update("SET #x = :s ADD #n :one", Key={"id": {"S": "made"}}, **_names(x="fresh", n="amount"),
                **_values(s={"S": "s"}, one={"N": "1"})),
        ("dynamodb", "get_item", {"TableName": "t", "Key": {"id": {"S": "made"}}}),
    ]  # fmt: skip


CALLS: list[Call] = [
    ("dynamodb", "get_item", {"TableName": "t", "Key": KEY}),
    ("dynamodb", "put_item", {"TableName": "t", "Item": KEY | EVERY_TYPE, "ReturnValues": "ALL_OLD"}),
    ("dynamodb", "get_item", {"TableName": "t", "Key": KEY, "ReturnConsumedCapacity": "TOTAL"}),
    ("dynamodb", "get_item", {"TableName": "t", "Key": KEY, "ProjectionExpression": "listed[2].s, tree.deep, nowhere"}),
    ("dynamodb", "get_item", {"TableName": "t", "Key": KEY,
                              "ProjectionExpression": "tree.deep, listed[0], tree.#e, listed[1]", **_names(e="empty")}),
    _update("SET #n = :v, tree.deep.deeper[0] = :v REMOVE listed[0], listed[1]",
            **_names(n="new"), **_values(v={"S": "x"})),
    _update("ADD amount :n, texts :t DELETE numbers :d", **_values(n={"N": "2"}, t={"SS": ["z"]}, d={"NS": ["1"]})),
    _update("SET amount = amount + :n, o = if_not_exists(o, :n)", returned="UPDATED_NEW", **_values(n={"N": "1"})),
    _update("SET amount=amount+:n, o=if_not_exists(o,:n)", returned="UPDATED_OLD", **_values(n={"N": "1"})),
    _update("SET listed = list_append(listed, :l), wording = :t", **_values(l={"L": [{"N": "1"}]}, t={"S": "t"})),
    _update("REMOVE #n", "attribute_exists(#n) AND (amount > :n OR NOT begins_with(wording, :t))",
            **_names(n="new"), **_values(n={"N": "99"}, t={"S": "no"})),
    _update("SET a = :n", "amount BETWEEN :n AND :n AND size(wording) <> :n", **_values(n={"N": "1"})),
    _update("SET a = :n", "wording IN (:n, :m) AND contains(texts, :m)", **_values(n={"S": "t"}, m={"S": "x"})),
    _update("SET a = :n", "attribute_not_exists(wording)", **_values(n={"N": "1"})),
    _update("SET a = :n", "wording = = :n", **_values(n={"N": "1"})),
    _update("SET a = :n, a = :n", **_values(n={"N": "1"})),
    _update("SET #a = :n, #b = :n", **_names(a="a", b="b"), **_values(n={"N": "1"})),
    _update("SET #a = :n, #b = :n", **_names(a="a", b="a"), **_values(n={"N": "1"})),
    _update("SET #a = :n SET #b = :n", **_names(a="a", b="c"), **_values(n={"N": "1"})),
    _update("SET a.b = :n, a = :n", **_values(n={"N": "1"})),
    _update("SET a = :missing", **_values(n={"N": "1"})),
    _update("SET a = :n", **_names(unused="x"), **_values(n={"N": "1"})),
    _update("SET name = :n", **_values(n={"N": "1"})),
    _update("SET nowhere.deep = :n", **_values(n={"N": "1"})),
    _update("SET id = :n", **_values(n={"S": "b"})),
    _update("ADD wording :n", **_values(n={"N": "1"})),
    _update("SET a := :n SET b = :n", **_values(n={"N": "1"})),
    *_usual_updates(),
    _update("SET huge = :h", **_values(h={"S": "x" * 410_000})),
    ("dynamodb", "put_item", _put("huge", a={"S": "x" * 200_000}, b={"S": "x" * 206_000})),
    ("dynamodb", "put_item", _put("large", a={"S": "x" * 200_000}, b={"S": "x" * 150_000})),
    ("dynamodb", "batch_write_item",
     {"RequestItems": {"t": [{"PutRequest": {"Item": _put(name)["Item"]}} for name in "xyz"]}}),
    ("dynamodb", "batch_get_item", {"RequestItems": {"t": {"Keys": [{"id": {"S": name}} for name in "xyw"]}}}),
    _query(**_values(k={"S": "k"}), Limit=2),
    _query(**_values(k={"S": "k", }), ScanIndexForward=False, Select="COUNT"),
    _query(ExpressionAttributeValues={":k": {"S": "k"}, ":n": {"N": "3"}}, FilterExpression="amount >= :n"),
    _query(**_values(k={"S": "nobody"})),
    ("dynamodb", "transact_write_items", {"TransactItems": [
        {"Put": _put("new")},
        {"Update": {"TableName": "t", "Key": KEY, "UpdateExpression": "SET a = :a", **_values(a={"S": "1"})}},
        {"ConditionCheck": {"TableName": "t", "Key": OTHER, "ConditionExpression": "attribute_exists(id)"}},
    ]}),
    ("dynamodb", "transact_write_items", {"TransactItems": [
        {"Put": _put("newer")},
        {"Delete": {"TableName": "t", "Key": KEY, "ConditionExpression": "attribute_not_exists(id)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
    ]}),
    ("dynamodb", "transact_get_items", {"TransactItems": [{"Get": {"TableName": "t", "Key": KEY}}]}),
    ("dynamodb", "scan", {"TableName": "t", "ProjectionExpression": "id, amount, #m", **_names(m="tree")}),
    ("dynamodb", "delete_item", {"TableName": "t", "Key": KEY, "ReturnValues": "ALL_OLD"}),
    ("dynamodb", "get_item", {"TableName": "nowhere", "Key": KEY}),
    *(_put_ranged(partition, rank) for partition, rank in ("p2", "p1", "q1", "p3")),
    _query_ranged(),
    _query_ranged(ScanIndexForward=False, Limit=2, ConsistentRead=True),
    _query_ranged(Limit=2, ExclusiveStartKey={"part": {"S": "p"}, "rank": {"S": "1"}}),
    _query_ranged("part = :p AND rank BETWEEN :a AND :b", values={":a": {"S": "2"}, ":b": {"S": "9"}}),
    _query_ranged("part = :p AND begins_with(rank, :a)", values={":a": {"S": "1"}}, ProjectionExpression="rank"),
    _query_ranged(values={":p": {"S": "nobody"}}),
    _query_ranged("part = :p AND nothing = :p"),
    ("dynamodb", "list_tables", {}),
    ("sqs", "create_queue", {"QueueName": "q", "Attributes": {"DelaySeconds": "3"}}),
    ("sqs", "get_queue_attributes", QUEUE | {"AttributeNames": ["DelaySeconds"]}),
    ("sqs", "receive_message", QUEUE),
    ("sqs", "set_queue_attributes", QUEUE | {"Attributes": {"DelaySeconds": "0"}}),
    ("sqs", "send_message_batch", QUEUE | {"Entries": []}),
    ("sqs", "delete_message", QUEUE | {"ReceiptHandle": "unknown"}),
    ("sqs", "list_queues", {}),
    ("dynamodbstreams", "list_streams", {}),
    ("dynamodbstreams", "get_records", {"ShardIterator": "unknown"}),
    ("sqs", "get_queue_url", {"QueueName": "nowhere"}),
]  # fmt: skip


def _table() -> dict[str, Any]:
    keys = [{"AttributeName": "sort_of", "KeyType": "HASH"}, {"AttributeName": "amount", "KeyType": "RANGE"}]
    types = {"id": "S", "sort_of": "S", "amount": "N"}
    return {
        "TableName": "t",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {"IndexName": "by_kind", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
        ],
    }


def _table_with_range_key() -> dict[str, Any]:
    keys = {"part": "HASH", "rank": "RANGE"}
    return {
        "TableName": "ranged",
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys],
        "BillingMode": "PAY_PER_REQUEST",
    }


def _answers(way: AbstractContextManager[None]) -> list[Any]:
    with way, mock_aws():
        clients = {name: boto3.client(name, region_name="us-east-1") for name in ("dynamodb", "dynamodbstreams", "sqs")}
        for table in (_table(), _table_with_range_key()):
            clients["dynamodb"].create_table(**table)
        return [_answer(clients[service], operation, arguments) for service, operation, arguments in CALLS]


def _answer(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
    try:
        answer = getattr(client, operation)(**arguments)
    except ClientError as refusal:
        answer = refusal.response
    except Exception as crash:  # noqa: BLE001 - where moto raises, the faster function must raise the same
        return repr(crash)
    metadata = answer["ResponseMetadata"]
    headers = {name: text for name, text in metadata["HTTPHeaders"].items() if name in {"content-type", "x-amz-crc32"}}
    return {**answer, "ResponseMetadata": (metadata["HTTPStatusCode"], headers)}


@pytest.fixture(scope="module")
def answer_pairs() -> tuple[list[Any], list[Any]]:
    return _answers(nullcontext()), _answers(fast_paths.replacing_moto())


@pytest.mark.parametrize("number", range(len(CALLS)), ids=lambda number: f"{CALLS[number][1]}-{number}")
def test_the_answer_equals_motos(answer_pairs: tuple[list[Any], list[Any]], number: int) -> None:
    by_moto, by_shortcut = answer_pairs
    assert by_shortcut[number] == by_moto[number]


def test_the_calls_include_refused_ones(answer_pairs: tuple[list[Any], list[Any]]) -> None:
    refused = [answer for answer in answer_pairs[0] if isinstance(answer, str) or "Error" in answer]
    assert len(CALLS) / 4 < len(refused) < len(CALLS) / 2
    assert sum("x-amz-crc32" in str(answer) for answer in answer_pairs[0]) > len(CALLS) - 20


@pytest.mark.parametrize(
    "arguments", [{"table_names": ["t"]}, {"TableNames": ["t"], "last_evaluated_table_name": "t"}, {}]
)
def test_members_under_other_names_are_serialized(arguments: dict[str, Any]) -> None:
    def serialize() -> Any:
        operation = get_service_model("dynamodb").operation_model("ListTables")
        return JSONSerializer(operation, value_picker=XFormedAttributePicker()).serialize(arguments)["body"]

    by_moto = serialize()
    with fast_paths.replacing_moto():
        assert serialize() == by_moto


def test_replaced_items_are_not_kept_in_memory() -> None:
    with fast_paths.replacing_moto(), mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(**_table())
        for _ in range(10):
            client.put_item(**_put("kept once"))
            client.query(**_query(**_values(k={"S": "k"}))[2])
        del client
        gc.collect()
        items = [one for one in gc.get_objects() if isinstance(one, Item)]
        assert len([item for item in items if item.hash_key.value == "kept once"]) == 1

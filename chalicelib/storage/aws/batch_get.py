"""Read items of several tables in one BatchGetItem, which PynamoDB does not support."""

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Item, RawItem

MAX_KEYS = 100
"""Of one call."""
Key = tuple[type[Item], RawItem]
"""A model and the key of one of its items."""


def key_of(item: Item) -> Key:
    """The key of an item that has nothing but its key, or more."""
    return type(item), item.get_delete_kwargs_from_instance()["Key"]


def read(keys: Sequence[Key], names: Sequence[str] = ()) -> Iterator[tuple[type[Item], RawItem]]:
    """The items that exist, as of now, each with its model; with `names`, only these attributes. One call for each
    hundred keys."""
    models = {model._get_connection().table_name: model for model, _ in keys}
    waiting = [(model._get_connection().table_name, key) for model, key in keys]
    while waiting:
        request: dict[str, Any] = {}
        for table, key in waiting[:MAX_KEYS]:
            request.setdefault(table, {"Keys": [], "ConsistentRead": True, **_projection(names)})["Keys"].append(key)
        connection = keys[0][0]._get_connection().connection
        answer = dynamodb.call(connection, "BatchGetItem", {"RequestItems": request})
        yield from ((models[table], raw) for table, items in answer["Responses"].items() for raw in items)
        left = answer.get("UnprocessedKeys", {})
        waiting = [(table, key) for table, more in left.items() for key in more["Keys"]] + waiting[MAX_KEYS:]


def _projection(names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return {}
    aliases = {f"#{number}": name for number, name in enumerate(names)}
    return {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases}

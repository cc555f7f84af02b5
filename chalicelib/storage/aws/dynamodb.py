"""Access to every table: one shared client, bound on first use, and one way to write.

A write is always conditional. One write is one call; several are one transaction. Either raises ConditionFailed when a
condition does not hold, with the items as stored, so that the caller can say why without reading again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal, NamedTuple, cast

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection.base import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.errors import Unavailable

RawItem = dict[str, dict[str, Any]]
CONFLICT_RETRIES = 8
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "InternalServerError",
        "TransactionInProgressException",
        "ServiceUnavailable",
    }
)


class Item(Model):
    """Base of every stored item. `Meta.setting` names the setting with the table's name."""

    class Meta:
        abstract = True

    @classmethod
    def _get_connection(cls) -> TableConnection:
        if cls._connection is None:
            _bind(cls)
        return super()._get_connection()


_shared: Connection | None = None


def _bind(model: type[Item]) -> None:
    meta: Any = model.Meta
    config = settings()
    meta.table_name = getattr(config, meta.setting)
    meta.region = config.region
    # PynamoDB's default timeouts are longer than the gateway's.
    meta.connect_timeout_seconds, meta.read_timeout_seconds, meta.max_retry_attempts = 1, 3, 3
    meta.max_pool_connections = 50
    connection = Model._get_connection.__func__(model)  # type: ignore[attr-defined]
    connection.connection._client = _client(connection.connection)


def _client(connection: Connection) -> Any:
    """One botocore client for all tables: creating one takes longer than a request."""
    global _shared
    if _shared is None:
        _ = connection.client
        _shared = connection
    return _shared.client


def count_connections() -> int:
    """How many connections to DynamoDB this process has open."""
    if _shared is None:
        return 0
    session: Any = _shared.client._endpoint.http_session
    pools = session._manager.pools
    return sum(int(pools[key].num_connections) for key in pools.keys())  # noqa: SIM118 - it cannot be iterated over


def reset_connections() -> None:
    """Bind every table again on next use, because the settings or the endpoint have changed."""
    global _shared
    _shared = None
    for model in _subclasses(Item):
        model._connection = None


def _subclasses(root: type[Item]) -> Iterator[type[Item]]:
    for model in root.__subclasses__():
        yield model
        yield from _subclasses(model)


class ConditionFailed(Exception):
    """A condition does not hold. `failed[i]` says whether it is write i's; `items[i]` is that item as stored."""

    def __init__(self, failed: Sequence[bool], items: Sequence[RawItem | None]) -> None:
        super().__init__("conditional write refused")
        self.failed = tuple(failed)
        self.items = tuple(items)


class Write(NamedTuple):
    """One conditional change of one item, ready to be sent."""

    operation: Literal["Put", "Update", "Delete", "ConditionCheck"]
    arguments: dict[str, Any]
    connection: Connection


def put(item: Item, condition: Condition) -> Write:
    """Store the whole item."""
    arguments = item.get_save_kwargs_from_instance(condition=condition, return_values_on_condition_failure="ALL_OLD")
    return Write("Put", arguments, _connection(item))


def update(key: Item, actions: Sequence[Action], condition: Condition) -> Write:
    """Change the attributes that `actions` name of the item with `key`'s key."""
    arguments = key.get_update_kwargs_from_instance(
        actions=list(actions), condition=condition, return_values_on_condition_failure="ALL_OLD"
    )
    return Write("Update", arguments, _connection(key))


def delete(key: Item, condition: Condition) -> Write:
    """Remove the item with `key`'s key."""
    arguments = key.get_delete_kwargs_from_instance(condition=condition, return_values_on_condition_failure="ALL_OLD")
    return Write("Delete", arguments, _connection(key))


def check(key: Item, condition: Condition) -> Write:
    """Within a transaction: write nothing unless the condition holds for the item with `key`'s key."""
    arguments = key.get_delete_kwargs_from_instance(condition=condition, return_values_on_condition_failure="ALL_OLD")
    return Write("ConditionCheck", arguments, _connection(key))


def _connection(item: Item) -> Connection:
    return item._get_connection().connection


def commit(*writes: Write, returning: Literal["NONE", "ALL_NEW", "ALL_OLD"] = "NONE") -> RawItem:
    """Carry out the writes, all or none, in one call.

    Returns the attributes that `returning` asks for (single writes only). Raises ConditionFailed when a condition does
    not hold, and Unavailable when the table throttles or cannot be reached.
    """
    for attempt in range(CONFLICT_RETRIES):
        try:
            return _send(writes, returning)
        except _Conflict:
            clock.sleep(ids.fraction() * 0.02 * 2**attempt)
    raise Unavailable("Too many writers at once; try again", retry_after=1)


def commit_new(write: Write) -> None:
    """Carry out a Put under an id that is new. One call. Raises Unavailable.

    Such an id is taken only by this same write, whose answer was lost, so that the AWS client has sent it again.
    """
    with suppress(ConditionFailed):
        commit(write)


def _send(writes: Sequence[Write], returning: str) -> RawItem:
    first = writes[0]
    if len(writes) == 1:
        response = call(first.connection, f"{first.operation}Item", first.arguments | {"ReturnValues": returning})
        return cast(RawItem, response.get("Attributes", {}))
    items = [{write.operation: write.arguments} for write in writes]
    call(first.connection, "TransactWriteItems", {"TransactItems": items})
    return {}


class _Conflict(Exception):
    """Another transaction is writing one of the items."""


def call(connection: Connection, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make one DynamoDB call. Raises ConditionFailed, Unavailable, or botocore's error for a defect of ours."""
    try:
        return connection.dispatch(operation, arguments)
    except ClientError as error:
        raise _translate_error(error) from error
    except BotoCoreError as error:
        raise Unavailable("The database cannot be reached; try again") from error


def read_together(*keys: Item) -> list[RawItem | None]:
    """The items with these keys, all as of one moment; None for one that does not exist. One call, which costs twice as
    many read units as others. Raises Unavailable."""
    items = [{"Get": _key_arguments(key)} for key in keys]
    connection = _connection(keys[0])
    for attempt in range(CONFLICT_RETRIES):
        try:
            answer = call(connection, "TransactGetItems", {"TransactItems": items})
        except _Conflict:
            clock.sleep(ids.fraction() * 0.02 * 2**attempt)
        else:
            return [each.get("Item") for each in answer["Responses"]]
    raise Unavailable("Too many writers at once; try again", retry_after=1)


def _key_arguments(key: Item) -> dict[str, Any]:
    arguments = key.get_delete_kwargs_from_instance()
    return {name: arguments[name] for name in ("TableName", "Key")}


@contextmanager
def reading() -> Iterator[None]:
    """Around PynamoDB's own reads: translate their errors as `call` does."""
    try:
        yield
    except PynamoDBException as error:
        if isinstance(error.cause, ClientError):
            raise _translate_error(error.cause) from error
        if isinstance(error.cause, BotoCoreError):
            raise Unavailable("The database cannot be reached; try again") from error
        raise


def _translate_error(error: ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code")
    # PynamoDB wraps the client's error and drops the items from it; they are in the cause.
    response = cast(dict[str, Any], getattr(error.__cause__, "response", error.response))
    if code == "ConditionalCheckFailedException":
        return ConditionFailed([True], [response.get("Item")])
    if code == "TransactionConflictException":
        return _Conflict()
    if code == "TransactionCanceledException":
        return _translate_cancellation(response.get("CancellationReasons", []))
    return Unavailable("The database is busy; try again") if code in _THROTTLED else error


def _translate_cancellation(reasons: Sequence[dict[str, Any]]) -> Exception:
    codes = [reason.get("Code", "None") for reason in reasons]
    if "ConditionalCheckFailed" in codes:
        return ConditionFailed(
            [code == "ConditionalCheckFailed" for code in codes], [reason.get("Item") for reason in reasons]
        )
    if "TransactionConflict" in codes:
        return _Conflict()
    return Unavailable("The database is busy; try again")

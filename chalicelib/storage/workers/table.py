"""The `workers` table: a pool's workers, its concurrency limits and the dispatcher's state of it, side by side, so that
one strongly consistent query reads all that a dispatch pass needs."""

from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chalicelib.storage.aws.columns import CompactJson
from chalicelib.storage.aws.dynamodb import Item

RESERVED = "#"
"""First character of the sort key of every item that is not a worker. No worker id starts with it."""
POOL_KEY = "#pool"
"""Sort key of the item with the pool's settings and dispatch state."""
CONCURRENCY_LIMIT_PREFIX = "#permit#"
"""What a concurrency limit's sort key starts with, before the limit's key. Stored data calls a limit a permit."""


class WakeIndex(GlobalSecondaryIndex["WorkersTable"]):
    """Workers and pools by the time at which they must be checked. Sparse and sharded."""

    class Meta:
        index_name = "wake"
        projection = IncludeProjection(["kind"])  # PynamoDB filters every read of the table by it

    wake_shard = UnicodeAttribute(hash_key=True)
    wake_at = NumberAttribute(range_key=True)


class WorkersTable(Item):
    class Meta:
        setting = "workers_table"
        stream = True

    org_pool = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()
    org = UnicodeAttribute()
    pool = UnicodeAttribute()
    wake_at = NumberAttribute(null=True)
    wake_shard = UnicodeAttribute(null=True)

    by_wake = WakeIndex()


class WorkerItem(WorkersTable, discriminator="worker"):
    name = UnicodeAttribute()
    type = UnicodeAttribute(null=True)
    metadata = CompactJson(null=True)
    hours = CompactJson(null=True)
    changed_by = UnicodeAttribute(null=True)
    max_concurrent = NumberAttribute()
    weight = NumberAttribute()
    capabilities = ListAttribute[str](null=True)
    groups = ListAttribute[str](null=True)
    endpoints = CompactJson(null=True)
    callback_path = UnicodeAttribute(null=True)
    sealed_key = UnicodeAttribute(null=True)
    plan = UnicodeAttribute()
    socket = BooleanAttribute(null=True)
    connection = UnicodeAttribute(null=True)
    attempt_ms = NumberAttribute(null=True)
    health = UnicodeAttribute()
    alive = BooleanAttribute()
    maintenance = BooleanAttribute()
    maintenance_reason = UnicodeAttribute(null=True)
    drained = BooleanAttribute(null=True)
    removed = BooleanAttribute()
    registered_at = NumberAttribute()
    updated_at = NumberAttribute()
    version = NumberAttribute()
    last_heartbeat_at = NumberAttribute()
    placed_at = NumberAttribute(null=True)
    heartbeat_timeout_ms = NumberAttribute()
    online_since = NumberAttribute(null=True)
    restarted_at = NumberAttribute(null=True)
    reported = CompactJson(null=True)
    leases: MapAttribute[str, Any] = MapAttribute(default=dict)
    commands: MapAttribute[str, Any] = MapAttribute(default=dict)
    completed = NumberAttribute(null=True)
    failed = NumberAttribute(null=True)
    credits = NumberAttribute(null=True)
    attempt_failures = NumberAttribute(null=True)
    unreached = NumberAttribute(null=True)
    unreached_since = NumberAttribute(null=True)
    suspended_until = NumberAttribute(null=True)
    on_trial = BooleanAttribute(null=True)
    rest_until = NumberAttribute(null=True)


class ConcurrencyLimitItem(WorkersTable, discriminator="permit"):
    """The tasks that count towards one concurrency limit. A set, so that the first task can create the item by adding
    itself."""

    holders = UnicodeSetAttribute(null=True)


class PoolItem(WorkersTable, discriminator="pool"):
    algorithm = UnicodeAttribute()
    cursor = UnicodeAttribute(null=True)
    weights: MapAttribute[str, Any] = MapAttribute(default=dict)
    lanes: MapAttribute[str, Any] = MapAttribute(default=dict)
    departed_completed = NumberAttribute(null=True)
    departed_failed = NumberAttribute(null=True)
    watches = NumberAttribute(null=True)


def org_pool(org: str, pool: str) -> str:
    """The partition key of an org's pool."""
    return f"{org}#{pool}"

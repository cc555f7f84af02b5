"""The only room that knows DynamoDB, SQS and S3: one module for each table, with its named queries."""


def models() -> tuple[type, ...]:
    """The class that describes each table: keys, indexes, stream and TTL. The templates are made from these.

    `Meta.setting` names the setting with the table's name, `Meta.stream` says whether changes are streamed, and
    `Meta.ttl` names the attribute with the expiry in epoch seconds.
    """
    from chalicelib.storage import (
        access,
        connections,
        deliveries,
        documents,
        events,
        listings,
        stats,
        task_table,
        workers,
    )

    return (
        task_table.TaskItem,
        workers.WorkersTable,
        events.EventItem,
        stats.StatsItem,
        access.AccessTable,
        connections.ConnectionsTable,
        documents.DocumentItem,
        listings.ListingItem,
        deliveries.DeliveryItem,
    )

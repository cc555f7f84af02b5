"""The only package that knows DynamoDB, SQS and S3: a package of named queries for each table."""


def models() -> tuple[type, ...]:
    """The class that describes each table: keys, indexes, stream and TTL. The templates are made from these.

    `Meta.setting` names the setting with the table's name, `Meta.stream` says whether changes are streamed, and
    `Meta.ttl` names the attribute with the expiry in epoch seconds.
    """
    from chalicelib.storage.access import table as access
    from chalicelib.storage.chunks import chunks as chunk_storage
    from chalicelib.storage.connections import connections
    from chalicelib.storage.contents import table as content_table
    from chalicelib.storage.conversations import table as conversation_table
    from chalicelib.storage.deliveries import deliveries
    from chalicelib.storage.documents import documents
    from chalicelib.storage.search import index as index_storage
    from chalicelib.storage.statistics import counters as stats
    from chalicelib.storage.statistics import event_log
    from chalicelib.storage.tasks import table as task_table
    from chalicelib.storage.workers import table as worker_table
    from chalicelib.storage.workspaces import table as workspaces

    return (
        task_table.TaskItem,
        worker_table.WorkersTable,
        event_log.EventItem,
        stats.StatsItem,
        access.AccessTable,
        connections.ConnectionsTable,
        documents.DocumentItem,
        index_storage.ListingItem,
        deliveries.DeliveryItem,
        conversation_table.ConversationsTable,
        workspaces.WorkspacesTable,
        chunk_storage.ChunkItem,
        content_table.ContentsTable,
    )

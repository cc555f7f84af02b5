"""The `deliveries` table: what is posted to each webhook, attempt by attempt, until it arrived or was given up."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.storage.base import Item


class WakeIndex(GlobalSecondaryIndex["DeliveryItem"]):
    """Deliveries by the moment at which they must be tried again. Sparse and sharded."""

    class Meta:
        index_name = "wake"
        projection = KeysOnlyProjection()

    wake_shard = UnicodeAttribute(hash_key=True)
    wake_at = NumberAttribute(range_key=True)


class DeliveryItem(Item):
    class Meta:
        setting = "deliveries_table"
        ttl = "expires_at"

    webhook = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    wake_at = NumberAttribute(null=True)
    wake_shard = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)

    by_wake = WakeIndex()

"""The `listings` table: for managed pools, by what each task can be found.

One partition for each facet of a pool of an org; a row says that a task has a value of it: `<value>#<order>#<task id>`.
A row `~` counts those of its value.
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.storage.base import Item


class ListingItem(Item):
    class Meta:
        setting = "listings_table"

    list = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)
    total = NumberAttribute(null=True)

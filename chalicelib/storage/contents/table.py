"""The `contents` table: what its items are, and how their keys are made.

<org>#content#<id>  a content: `c` without its text, `t` its text, `h` its HTML from its approval to its publication
<org>#slug#<slug>   `p`, the post with this slug
<org>#list#<list>   the entries of a list by number; behind them `~b#<block>`, how many have numbers of one block
<org>#lists         the totals of the lists, by name; `#<list>`: the latest number that was issued for a list
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.storage.aws.columns import CompactJson, CompressedText
from chalicelib.storage.aws.dynamodb import Item

CONTENT_RANK, TEXT_RANK, HTML_RANK, POST_RANK = "c", "t", "h", "p"
BLOCK_SIZE = 500
"""Numbers in one block: so many entries are skipped at most to find a page anywhere in a list."""


class ContentsTable(Item):
    class Meta:
        setting = "contents_table"

    partition = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)

    # Of a content, its text and its post.
    facts = CompactJson(null=True)
    version = NumberAttribute(null=True)
    text = UnicodeAttribute(null=True)
    html = CompressedText(null=True)

    # Of an entry.
    key = UnicodeAttribute(null=True)
    chars = NumberAttribute(null=True)

    # Of a total and a block.
    total = NumberAttribute(null=True)
    label = UnicodeAttribute(null=True)
    changed_at = NumberAttribute(null=True)
    issued = NumberAttribute(null=True)


def content_partition(org: str, content_id: str) -> str:
    """The partition of a content and its text. An id may have any characters, so it comes last."""
    return f"{org}#content#{content_id}"


def slug_partition(org: str, slug: str) -> str:
    """The partition of the post with this slug."""
    return f"{org}#slug#{slug}"


def list_partition(org: str, name: str) -> str:
    """The partition of the entries of a list."""
    return f"{org}#list#{name}"


def totals_partition(org: str) -> str:
    """The partition of the totals of an org's lists."""
    return f"{org}#lists"


def entry_rank(number: int) -> str:
    """Sort key of an entry."""
    return f"{number:010d}"


def block_rank(block: int) -> str:
    """Sort key of the count of one block."""
    return f"~b#{block:08d}"


def unconditional() -> Condition:
    """A condition that always holds: for a write whose transaction has another write with the real condition."""
    anything: Condition = ContentsTable.partition.exists() | ContentsTable.partition.does_not_exist()
    return anything

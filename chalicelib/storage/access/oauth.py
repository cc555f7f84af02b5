"""OAuth clients and codes, in the `access` table.

client#<id>     the org whose document describes the client
code#<digest>   what a user granted, until the code is redeemed; the code itself is not stored
"""

from typing import NamedTuple

from pynamodb.attributes import UnicodeAttribute

from chalicelib import clock
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Write


class ClientItem(AccessTable):
    org = UnicodeAttribute()


class CodeItem(AccessTable):
    org = UnicodeAttribute()
    client_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    scope = UnicodeAttribute()
    redirect_uri = UnicodeAttribute(null=True)
    code_challenge = UnicodeAttribute(null=True)


class Grant(NamedTuple):
    """What a user granted to a client; a code stands for it."""

    org: str
    client_id: str
    user_id: str
    scope: str
    """Permissions, with spaces between them."""
    redirect_uri: str | None
    """The one that the request named; None when it named none."""
    code_challenge: str | None
    expires_at_s: int


def add_client_write(client_id: str, org: str) -> Write:
    """The write that adds a client, by its id alone."""
    return dynamodb.put(ClientItem(client_key(client_id), org=org), ClientItem.id.does_not_exist())


def remove_client_write(client_id: str) -> Write:
    """The write that removes a client's id."""
    return dynamodb.delete(ClientItem(client_key(client_id)), ClientItem.id.exists() | ClientItem.id.does_not_exist())


def find_client_org(client_id: str) -> str | None:
    """The org that a client belongs to, or None. One call."""
    with dynamodb.reading():
        try:
            return ClientItem.get(client_key(client_id), consistent_read=True).org
        except ClientItem.DoesNotExist:
            return None


def create_code_write(digest: str, grant: Grant) -> Write:
    """The write of a new code."""
    values = {name: value for name, value in grant._asdict().items() if value is not None}
    return dynamodb.put(CodeItem(_code_key(digest), **values), CodeItem.id.does_not_exist())


def redeem_code_write(digest: str) -> Write:
    """The write that uses a code, refused when it was used already or has expired."""
    condition = CodeItem.expires_at_s > clock.now() // clock.SECOND
    return dynamodb.delete(CodeItem(_code_key(digest)), condition)


def find_code(digest: str) -> Grant | None:
    """What a code stands for; None when it was used, has expired or never existed. One call."""
    with dynamodb.reading():
        try:
            item = CodeItem.get(_code_key(digest), consistent_read=True)
        except CodeItem.DoesNotExist:
            return None
    grant = Grant(*(getattr(item, name) for name in Grant._fields))
    return grant if grant.expires_at_s > clock.now() // clock.SECOND else None


def client_key(client_id: str) -> str:
    """The partition of a client's id."""
    return f"client#{client_id}"


def _code_key(digest: str) -> str:
    return f"code#{digest}"

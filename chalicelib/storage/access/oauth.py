"""OAuth's part of the `access` table: the org of each application, and the codes on their way to one.

client#<id>     the org whose document says what the application is
code#<digest>   what a user granted, until the code is redeemed; the code itself is not kept
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
    """What a user granted to an application, as a code stands for it."""

    org: str
    client_id: str
    user_id: str
    scope: str
    """Permissions, with spaces between them."""
    redirect_uri: str | None
    """As the request named it; None when it named none."""
    code_challenge: str | None
    expires_at_s: int


def add_client_write(client_id: str, org: str) -> Write:
    """The write that makes an application findable by its id alone."""
    return dynamodb.put(ClientItem(client_key(client_id), org=org), ClientItem.id.does_not_exist())


def remove_client_write(client_id: str) -> Write:
    """The write that takes an application's id out of use."""
    return dynamodb.delete(ClientItem(client_key(client_id)), ClientItem.id.exists() | ClientItem.id.does_not_exist())


def find_client_org(client_id: str) -> str | None:
    """The org that an application belongs to, or None."""
    with dynamodb.reading():
        try:
            return ClientItem.get(client_key(client_id), consistent_read=True).org
        except ClientItem.DoesNotExist:
            return None


def create_code_write(digest: str, grant: Grant) -> Write:
    """The write of a fresh code."""
    kept = {name: value for name, value in grant._asdict().items() if value is not None}
    return dynamodb.put(CodeItem(_code_key(digest), **kept), CodeItem.id.does_not_exist())


def redeem_code_write(digest: str) -> Write:
    """The write that uses a code up, refused when it is used already or has expired."""
    condition = CodeItem.expires_at_s > clock.now() // clock.SECOND
    return dynamodb.delete(CodeItem(_code_key(digest)), condition)


def find_code(digest: str) -> Grant | None:
    """What a code stands for; None when it is used, has expired, or never was."""
    with dynamodb.reading():
        try:
            item = CodeItem.get(_code_key(digest), consistent_read=True)
        except CodeItem.DoesNotExist:
            return None
    found = Grant(*(getattr(item, name) for name in Grant._fields))
    return found if found.expires_at_s > clock.now() // clock.SECOND else None


def client_key(client_id: str) -> str:
    """Partition of an application's id."""
    return f"client#{client_id}"


def _code_key(digest: str) -> str:
    return f"code#{digest}"

"""DynamoDB in the place of botocore's network: it answers with what was put first into a table, and checks nothing.

Everything above it, from serialising to signing to parsing, is botocore's own work and is measured with the rest.
"""

import json
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session

Item = dict[str, Any]
CONTENT_TYPE = {"content-type": "application/x-amz-json-1.0"}
LIMITS = "yardmaster-access"
"""The table with the rate limits, none of which was ever used."""


class _Body:
    """What botocore reads of a connection's answer."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._content


class Stub:
    """The first item put into each table, which answers for all of its keys."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {LIMITS: {"id": {"S": "limit"}, "tat": {"N": "0"}}}

    def send(self, _session: URLLib3Session, request: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        content = json.dumps(getattr(self, operation)(json.loads(request.body))).encode()
        return AWSResponse(request.url, 200, HTTPHeaders.from_dict(CONTENT_TYPE), _Body(content))

    def PutItem(self, asked: Item) -> Item:  # noqa: N802 - DynamoDB's name
        self.items.setdefault(asked["TableName"], asked["Item"])
        return {}

    def GetItem(self, asked: Item) -> Item:  # noqa: N802
        return {"Item": self.items[asked["TableName"]]}

    def UpdateItem(self, asked: Item) -> Item:  # noqa: N802
        return {"Attributes": self.items[asked["TableName"]]} if asked.get("ReturnValues") == "ALL_NEW" else {}

    def Query(self, asked: Item) -> Item:  # noqa: N802
        item = self.items[asked["TableName"]]
        return {"Items": [item], "Count": 1, "ScannedCount": 1}

    def TransactWriteItems(self, asked: Item) -> Item:  # noqa: N802
        for write in asked["TransactItems"]:
            if "Put" in write:
                self.PutItem(write["Put"])
        return {}


def install() -> Stub:
    """Answer for DynamoDB in this process from now on."""
    stub = Stub()
    session: Any = URLLib3Session
    session.send = lambda session, request: stub.send(session, request)
    return stub

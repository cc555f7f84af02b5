"""A stub of DynamoDB in place of botocore's network. It answers with the first item of a table, and checks nothing.

Serialising, signing and parsing are botocore's own work, which is measured.
"""

import json
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session

Item = dict[str, Any]
CONTENT_TYPE = {"content-type": "application/x-amz-json-1.0"}
LIMITS = "yardmaster-access"
"""The table with the rate limits. Its stub item is a limit that was never used."""


class _Body:
    """The part of a connection's answer that botocore reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._content


class Stub:
    """Answers each key of a table with the first item that was put into the table."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {LIMITS: {"id": {"S": "limit"}, "tat": {"N": "0"}}}

    def send(self, _session: URLLib3Session, request: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        content = json.dumps(getattr(self, operation)(json.loads(request.body))).encode()
        return AWSResponse(request.url, 200, HTTPHeaders.from_dict(CONTENT_TYPE), _Body(content))

    def PutItem(self, parameters: Item) -> Item:  # noqa: N802 - DynamoDB's name
        self.items.setdefault(parameters["TableName"], parameters["Item"])
        return {}

    def GetItem(self, parameters: Item) -> Item:  # noqa: N802
        return {"Item": self.items[parameters["TableName"]]}

    def UpdateItem(self, parameters: Item) -> Item:  # noqa: N802
        return (
            {"Attributes": self.items[parameters["TableName"]]} if parameters.get("ReturnValues") == "ALL_NEW" else {}
        )

    def Query(self, parameters: Item) -> Item:  # noqa: N802
        item = self.items[parameters["TableName"]]
        return {"Items": [item], "Count": 1, "ScannedCount": 1}

    def TransactWriteItems(self, parameters: Item) -> Item:  # noqa: N802
        for write in parameters["TransactItems"]:
            if "Put" in write:
                self.PutItem(write["Put"])
        return {}


def install() -> Stub:
    """Replace DynamoDB in this process by a stub."""
    stub = Stub()
    session: Any = URLLib3Session
    session.send = lambda session, request: stub.send(session, request)
    return stub

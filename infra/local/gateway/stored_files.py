"""Serve stored files to callers with a signed link, and take them, as S3 does: moto's S3 is within this process only.

A link is valid if this process signed it and it has not expired. The signature is computed again, as S3 does.
"""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from concurrent.futures import Executor
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

import boto3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from chalicelib import clock
from infra.local.gateway.proxy_event import Incoming, Receive, Scope, Send

_RESPONSE_HEADERS = {"response-content-type": "content-type", "response-content-disposition": "content-disposition"}
_SIGNATURE = "X-Amz-Signature"
_TEXT = {"content-type": "text/plain"}
Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


class StoredFiles:
    """An ASGI app that reads the objects in the threads of `pool`."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._session = boto3.Session()
        self._client = self._session.client("s3")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        loop, request = asyncio.get_running_loop(), Incoming.from_scope(scope)
        query = dict(parse_qsl(request.query))
        if not self._is_signature_valid(request, query):
            status, headers, body = 403, _TEXT, b"The link is not valid, or no longer\n"
        elif request.method == "PUT":
            content = await _read_content(receive, int(request.header("content-length") or 0))
            status, headers, body = await loop.run_in_executor(self._pool, self._store, request, content)
        else:
            status, headers, body = await loop.run_in_executor(self._pool, self._answer, request, query)
        encoded_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [*encoded_headers, length]})
        await send({"type": "http.response.body", "body": body})

    def _store(self, request: Incoming, content: bytes) -> Answer:
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if checksum != request.header("x-amz-checksum-sha256"):
            return 400, _TEXT, b"The content is not what the link is for\n"
        bucket, key = _place(request)
        self._client.put_object(Bucket=bucket, Key=key, Body=content)
        return 200, _TEXT, b""

    def _answer(self, request: Incoming, query: Mapping[str, str]) -> Answer:
        bucket, key = _place(request)
        try:
            stored = self._client.get_object(Bucket=bucket, Key=key)
        except ClientError:
            return 404, _TEXT, b"There is no such file\n"
        requested_headers = {
            name: query[parameter] for parameter, name in _RESPONSE_HEADERS.items() if parameter in query
        }
        return 200, {"content-type": stored["ContentType"]} | requested_headers, stored["Body"].read()

    def _is_signature_valid(self, request: Incoming, query: Mapping[str, str]) -> bool:
        try:
            since = datetime.fromisoformat(query["X-Amz-Date"]).timestamp()
            until = since + int(query["X-Amz-Expires"])
        except (KeyError, ValueError):
            return False
        if request.method not in ("GET", "PUT") or "X-Amz-SignedHeaders" not in query:
            return False
        return clock.now() <= until * clock.SECOND and self._signature(request, query) == query.get(_SIGNATURE)

    def _signature(self, request: Incoming, query: Mapping[str, str]) -> str:
        rest = "&".join(
            parameter for parameter in request.query.split("&") if not parameter.startswith(f"{_SIGNATURE}=")
        )
        names = set(query["X-Amz-SignedHeaders"].split(";")) - {"host"}
        headers = {name: request.header(name) or "" for name in names}
        signed = AWSRequest(request.method, f"http://{request.header('host')}{request.path}?{rest}", headers)
        signed.context["timestamp"] = query["X-Amz-Date"]
        region = self._session.region_name
        credentials: Any = self._session.get_credentials()
        auth: Any = S3SigV4QueryAuth(credentials, "s3", region)
        text = auth.string_to_sign(signed, auth.canonical_request(signed))
        return str(auth.signature(text, signed))


def _place(request: Incoming) -> tuple[str, str]:
    """The bucket and the key."""
    bucket, _, key = unquote(request.path).strip("/").partition("/")
    return bucket, key


async def _read_content(receive: Receive, size: int) -> bytes:
    """The body, of `size` bytes; what comes of it where the client leaves or sends more."""
    content = bytearray()
    while len(content) <= size:
        message = await receive()
        content += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(content)

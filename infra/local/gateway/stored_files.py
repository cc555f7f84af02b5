"""The stored files, for whoever holds a signed link: what S3 answers, since moto's is within this process.

A link is good if this process signed it and its time is not over; the signature is made again, as S3 does.
"""

import asyncio
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

_OF_ANSWER = {"response-content-type": "content-type", "response-content-disposition": "content-disposition"}
_SIGNATURE = "X-Amz-Signature"


class Objects:
    """An ASGI app; it reads the objects in the threads of `pool`."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._session = boto3.Session()
        self._client = self._session.client("s3")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Answer one request."""
        if scope["type"] != "http":
            return
        loop = asyncio.get_running_loop()
        status, headers, body = await loop.run_in_executor(self._pool, self._answer, Incoming.of(scope))
        named = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [*named, length]})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, request: Incoming) -> tuple[int, dict[str, str], bytes]:
        query = dict(parse_qsl(request.query))
        if request.method != "GET" or not self._signed(request, query):
            return 403, {"content-type": "text/plain"}, b"The link is not valid, or no longer\n"
        bucket, _, key = unquote(request.path).strip("/").partition("/")
        try:
            found = self._client.get_object(Bucket=bucket, Key=key)
        except ClientError:
            return 404, {"content-type": "text/plain"}, b"There is no such file\n"
        asked = {name: query[parameter] for parameter, name in _OF_ANSWER.items() if parameter in query}
        return 200, {"content-type": found["ContentType"]} | asked, found["Body"].read()

    def _signed(self, request: Incoming, query: Mapping[str, str]) -> bool:
        try:
            since = datetime.fromisoformat(query["X-Amz-Date"]).timestamp()
            until = since + int(query["X-Amz-Expires"])
        except (KeyError, ValueError):
            return False
        return clock.now() <= until * clock.SECOND and self._signature(request, query) == query.get(_SIGNATURE)

    def _signature(self, request: Incoming, query: Mapping[str, str]) -> str:
        rest = "&".join(one for one in request.query.split("&") if not one.startswith(f"{_SIGNATURE}="))
        signed = AWSRequest("GET", f"http://{request.header('host')}{request.path}?{rest}")
        signed.context["timestamp"] = query["X-Amz-Date"]
        region = self._session.region_name
        credentials: Any = self._session.get_credentials()
        auth: Any = S3SigV4QueryAuth(credentials, "s3", region)
        text = auth.string_to_sign(signed, auth.canonical_request(signed))
        return str(auth.signature(text, signed))

"""Calls of tables, streams and queues reach moto without HTTP in between, and without signatures, which moto does not
check."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

import moto.core.responses
from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.signers import RequestSigner
from botocore.useragent import UserAgentString
from moto.core import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.core.request import normalize_request
from moto.core.responses import BaseResponse
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler
from moto.sqs.responses import SQSResponse
from moto.utilities.utils import get_partition

_DIRECT_URL = re.compile(r"https://(?:dynamodb|streams\.dynamodb|sqs)\.([a-z0-9-]+)\.amazonaws\.com/?")


def replacements() -> list[tuple[Any, str, Any]]:
    """The replaced parts of moto and botocore: (owner, attribute, replacement)."""
    return [
        (RequestSigner, "sign", _sign),
        (UserAgentString, "to_string", _user_agent),
        (botocore_stubber, "normalize_request", _normalize),
        *((kind, "setup_class", _set_up) for kind in (DynamoHandler, DynamoDBStreamsHandler, SQSResponse)),
        (moto.core.responses, "gen_amzn_requestid_long", _name_request),
    ]


@dataclass(frozen=True)
class _DirectRequest:
    """A request as botocore made it, with werkzeug's names. moto would convert it to a request of werkzeug's."""

    raw_url: str
    headers: Any
    data: bytes
    method = "POST"
    path = "/"
    values = None

    @property
    def content_type(self) -> str:
        return str(self.headers["Content-Type"])


def _normalize(request: Any) -> Any:
    if not isinstance(request, AWSPreparedRequest) or not _region(request.url):
        return normalize_request(request)
    headers = HeadersDict({name: _text(value) for name, value in request.headers.items()})
    body: Any = request.body  # bytes, as botocore makes every body for DynamoDB
    return _DirectRequest(request.url, headers, body)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@lru_cache(16)
def _region(url: str) -> str | None:
    """The region in an AWS URL of DynamoDB, its streams or SQS; None for any other URL."""
    match = _DIRECT_URL.fullmatch(url)
    return match and match[1]


# None of the three classes overrides it.
_set_up_by_moto = BaseResponse.setup_class


def _set_up(handler: Any, request: Any, *more: Any, **named: Any) -> None:
    if not isinstance(request, _DirectRequest):
        _set_up_by_moto(handler, request, *more, **named)
        return
    handler.headers, handler.response_headers = request.headers, {}
    handler.uri, handler.path, handler.body = request.raw_url, request.path, request.data
    handler.region, handler.current_account = _region(request.raw_url), DEFAULT_ACCOUNT_ID
    handler.partition = get_partition(handler.region)
    handler.querystring, handler.uri_match = {}, {}
    if handler.automated_parameter_parsing:
        handler.parse_parameters(request)


_sign_by_botocore = RequestSigner.sign


def _sign(signer: RequestSigner, operation: str, request: Any, *more: Any, **named: Any) -> None:
    if not _region(request.url):
        _sign_by_botocore(signer, operation, request, *more, **named)


def _user_agent(_: UserAgentString) -> str:
    return "yardmaster"


_requests = count(1)


def _name_request(headers: dict[str, Any]) -> str:
    """Add a request id to the answer's headers. moto draws 52 random characters for each."""
    headers["x-amzn-requestid"] = name = f"{next(_requests):052}"
    return name

"""Serve a request, in this order: origin, size, credential, role, limit, validation, handler, dialect.

Errors become answers here and nowhere else. An error that is no YardmasterError is logged with its stack; its answer
says only that it happened.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.edge import access_log, origins
from chalicelib.edge.api import Admission, AnsweredRequest, Api, Caller, Limit
from chalicelib.edge.binding import Signature
from chalicelib.edge.request import Request, require_single_credential
from chalicelib.edge.responses import Answer, Bare, Binary, Raw, Reply, Stream
from chalicelib.edge.routing import Endpoint, ErrorRenderer
from chalicelib.edge.streams import OpenStream, collect
from chalicelib.errors import (
    Forbidden,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    YardmasterError,
)
from chalicelib.observability import logger

Headers = dict[str, str]
JSON = "application/json"
UNMATCHED = "unmatched"
MAX_ANSWER_CHARS = 6_200_000
"""Characters of an answer's JSON, as Lambda counts them: it takes 6 MiB with the headers, and its runtime writes
letters beyond ASCII as escapes."""
MAX_ESCAPED_CHARS = 12
"""Of one character, such as an emoji."""


@dataclass(slots=True)
class Exchange:
    """What is known so far about the request that is being answered."""

    headers: Headers
    """Headers of the answer, be it a success or an error."""
    org: str = ""
    subject: str = ""


def serve(api: Api, endpoint: Endpoint, signature: Signature, request: Request, *, can_stream: bool = False) -> Answer:
    """Answer one request that matched an endpoint, and log it in one line, once its last part is sent.

    An answer has parts only if `can_stream`; else the parts that come soon are collected.
    """
    started, stopwatch = clock.now(), clock.stopwatch()
    exchange = Exchange(_common_headers(request.id))
    log = logger()
    log.thread_safe_append_keys(request_id=request.id)
    try:
        answer = _handle(api, endpoint, signature, request, exchange)
        if isinstance(answer.body, OpenStream) and not can_stream:
            answer = answer._replace(body=collect(answer.body))
    except Exception as error:  # noqa: BLE001 - the one place where every error becomes an answer
        answer = failure(api, error, request.id, exchange.headers, endpoint.render_error)
    if api.measure and exchange.org:
        answered = AnsweredRequest(
            org=exchange.org,
            status=answer.status,
            milliseconds=(clock.stopwatch() - stopwatch) * clock.SECOND,
            method=request.method,
            route=endpoint.path,
            request_id=request.id,
            subject=exchange.subject,
        )
        _call_measure(api.measure, answered)
    log.thread_safe_clear_keys()
    fields = {"method": request.method, "route": endpoint.path, "path": request.path}
    write_line = partial(access_log.write_request, answer, **fields, org=exchange.org, started=started)
    if isinstance(answer.body, OpenStream):
        answer.body.when_ended(write_line)
    else:
        write_line()
    return answer


def _call_measure(measure: Callable[[AnsweredRequest], None], answered: AnsweredRequest) -> None:
    try:
        measure(answered)
    except Exception as error:  # noqa: BLE001 - a failure to count is logged and does not fail the answer
        logger().error("a request could not be counted", exc_info=error)


def _handle(api: Api, endpoint: Endpoint, signature: Signature, request: Request, exchange: Exchange) -> Answer:
    origins.require_allowed_page(request.headers, request.repeated_headers)
    _check_size(api, endpoint, request)
    caller = None if endpoint.public else _admit_with_headers(api, endpoint, request, exchange)
    result = endpoint.handler(**signature.bind(request, caller))
    return _render(api, endpoint, result, request.id, exchange.headers)


def _check_size(api: Api, endpoint: Endpoint, request: Request) -> None:
    limit, size = api.body_limit_bytes or settings().body_limit_bytes, len(request.body)
    if size > limit:
        raise TooLarge(f"The body has {size} bytes; at most {limit} are accepted{endpoint.if_too_large}")


def _admit_with_headers(api: Api, endpoint: Endpoint, request: Request, exchange: Exchange) -> Caller:
    """As `_admit`; a TooManyRequests that another limit raises gets the limit's headers, too."""
    try:
        return _admit(api, endpoint, request, exchange)
    except TooManyRequests as error:
        limit = api.limits[endpoint.limit]
        reset_at = clock.now() // clock.SECOND + error.retry_after
        exchange.headers = _refusal_headers(api, limit, reset_at) | exchange.headers
        raise


def _admit(api: Api, endpoint: Endpoint, request: Request, exchange: Exchange) -> Caller:
    """The authenticated caller, of the right role and within the limit; adds the limit's state to the headers."""
    require_single_credential(request)
    caller = api.authenticate(request)
    exchange.org, exchange.subject = caller.org, caller.subject
    logger().thread_safe_append_keys(org=caller.org)
    if endpoint.roles and caller.role not in endpoint.roles:
        raise Forbidden(_roles_required(endpoint.roles))
    limit = api.limits[endpoint.limit]
    admission = api.admit(caller, endpoint.limit, limit)
    exchange.headers |= _limit_headers(admission)
    if api.window_header:
        exchange.headers["X-RateLimit-Window"] = str(limit.seconds)
    if not admission.allowed and not (api.exempt and api.exempt(endpoint, request)):
        raise TooManyRequests(
            f"At most {admission.limit} requests per {limit.seconds} seconds; "
            f"try again in {admission.retry_after} seconds",
            retry_after=admission.retry_after,
        )
    if api.authorize is not None:
        api.authorize(caller, endpoint)
    return caller


def _roles_required(roles: Sequence[str]) -> str:
    if len(roles) == 1:
        return f"{roles[0].capitalize()} role required"
    return f"One of these roles required: {', '.join(roles)}"


def _render(api: Api, endpoint: Endpoint, result: Any, request_id: str, headers: Headers) -> Answer:
    if isinstance(result, Raw):
        headers |= {**result.headers, "Content-Type": result.media_type}
        return Answer(result.status or endpoint.status, headers, result.content, result.cookies)
    if isinstance(result, Binary):
        return Answer(endpoint.status, headers | result.headers, result.content)
    if isinstance(result, Stream):
        return Answer(endpoint.status, headers | result.headers, OpenStream(result.parts, request_id))
    reply = result if isinstance(result, Reply) else Reply(result)
    headers |= reply.headers
    return Answer(reply.status or endpoint.status, headers, _body(api, reply, request_id, headers), reply.cookies)


def _body(api: Api, reply: Reply[Any], request_id: str, headers: Headers) -> str:
    if reply.value is None:
        return ""
    headers["Content-Type"] = JSON
    is_bare = isinstance(reply, Bare)
    body = api.dialect.json(reply.value) if is_bare else api.dialect.success(reply.value, request_id)
    return _require_sendable(body.decode())


def _require_sendable(text: str) -> str:
    """The text of an answer. Raises TooLarge for one that Lambda would replace by an error without words."""
    if len(text) > MAX_ANSWER_CHARS // MAX_ESCAPED_CHARS and (size := len(json.dumps(text))) > MAX_ANSWER_CHARS:
        raise TooLarge(
            f"The answer has {size} characters; at most {MAX_ANSWER_CHARS} can be sent: ask for less, "
            "such as by a smaller limit"
        )
    return text


def failure(
    api: Api,
    error: Exception,
    request_id: str,
    headers: Headers | None = None,
    render_error: ErrorRenderer | None = None,
) -> Answer:
    """The answer to an error, rendered by the API's dialect or by `render_error`. An unexpected error is logged with
    its stack and not shown."""
    if not isinstance(error, YardmasterError):
        logger().error("unhandled error", exc_info=error)
        error = YardmasterError("An unexpected error occurred")
    common = _common_headers(request_id) if headers is None else headers
    own = {"Content-Type": api.dialect.error_media_type}
    if isinstance(error, TooManyRequests | Unavailable) and error.retry_after is not None:
        own["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthenticated):
        own["WWW-Authenticate"] = f'Bearer realm="{api.name}"'
    if render_error is not None:
        status, body = render_error(error)
        return Answer(status, common | own | {"Content-Type": JSON}, api.dialect.json(body).decode())
    return Answer(api.dialect.status(error), common | own, api.dialect.error(error, request_id).decode())


def not_found(api: Api, method: str, path: str, request_id: str | None = None) -> Answer:
    """The answer to a path that the API does not have."""
    return _unmatched(api, method, NotFound("Path", path), request_id)


def method_not_allowed(
    api: Api, method: str, path: str, allowed: Sequence[str], request_id: str | None = None
) -> Answer:
    """The answer to a method that an existing path does not have; `allowed` are those it has."""
    listed = ", ".join(allowed)
    error = MethodNotAllowed(f"{method} is not allowed on {path}; allowed: {listed}")
    answer = _unmatched(api, method, error, request_id)
    answer.headers["Allow"] = listed
    return answer


def preflight(api: Api, path: str, headers: Mapping[str, str], allowed: Sequence[str], request_id: str) -> Answer:
    """The answer to a browser that asks whether a page may call a path whose methods are `allowed` (CORS)."""
    try:
        cors = origins.preflight_headers(headers, allowed)
    except Forbidden as error:
        return _unmatched(api, "OPTIONS", error, request_id)
    answer = Answer(204, _common_headers(request_id) | cors, "")
    access_log.write_request(answer, method="OPTIONS", route=UNMATCHED, path=path, org="", started=clock.now())
    return answer


def _unmatched(api: Api, method: str, error: YardmasterError, request_id: str | None) -> Answer:
    answer = failure(api, error, request_id or ids.new("req"))
    access_log.write_request(answer, method=method, route=UNMATCHED, path=None, org="", started=clock.now())
    return answer


def _common_headers(request_id: str) -> Headers:
    return {"X-Request-Id": request_id, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _refusal_headers(api: Api, limit: Limit, reset_at: int) -> Headers:
    headers = {
        "X-RateLimit-Limit": str(limit.count),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(reset_at),
    }
    return headers | ({"X-RateLimit-Window": str(limit.seconds)} if api.window_header else {})


def _limit_headers(admission: Admission) -> Headers:
    return {
        "X-RateLimit-Limit": str(admission.limit),
        "X-RateLimit-Remaining": str(admission.remaining),
        "X-RateLimit-Reset": str(admission.reset_at),
    }

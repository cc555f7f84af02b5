"""Make the Chalice app that serves an Api."""

from base64 import b64encode
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from chalice.app import Chalice, Response
from chalice.app import Request as ChaliceRequest

from chalicelib.edge import kernel, origins
from chalicelib.edge.api import Api, check_routes, routes_of
from chalicelib.edge.binding import read_signature
from chalicelib.edge.request import Request, request_id
from chalicelib.edge.responses import Answer, Binary, Stream, is_result, result_types
from chalicelib.edge.routing import Endpoint
from chalicelib.edge.schemas import MULTIPART
from chalicelib.errors import YardmasterError

ANY_CONTENT_TYPE: list[str] = []
"""Chalice must not check content types: its 415 is not in the dialect."""
BINARY_TYPES = [MULTIPART]
"""The bodies that API Gateway passes on as bytes; it takes others for text."""
ALL_BINARY = ["*/*"]
"""The same for an API that answers bytes. API Gateway sends an answer's bytes for a listed type only, and looks for it
in the first type of the request's Accept, so that any must be listed."""


def binary_types(api: Api) -> list[str]:
    """The types of bodies that a gateway before this API must pass on as bytes, both ways."""
    results = (read_signature(endpoint).result for endpoint in routes_of(api))
    kinds = [kind for result in results for kind in result_types(result)]
    has_bytes = any(is_result(kind, Binary) or is_result(kind, Stream) for kind in kinds)
    return ALL_BINARY if has_bytes else BINARY_TYPES


class _Response(Response):
    """An answer as Chalice takes it. Chalice itself would refuse bytes for requests without a fitting Accept."""

    def __init__(self, answer: Answer) -> None:
        headers: dict[str, str | list[str]] = {**answer.headers}
        if answer.cookies:
            headers["Set-Cookie"] = [str(cookie) for cookie in answer.cookies]
        super().__init__(body=answer.body, headers=headers, status_code=answer.status)

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        """The answer for API Gateway, bytes in base64. A stream is left to the server that can send it."""
        body, self.body = self.body, ""
        result = super().to_dict(binary_types)
        self.body = body
        if isinstance(body, bytes):
            return result | {"body": b64encode(body).decode(), "isBase64Encoded": True}
        return result | {"body": body}


def mount(api: Api, *, can_stream: bool = False) -> Chalice:
    """A Chalice app with every endpoint of the API; raises ValueError for a route table that cannot be served.

    With `can_stream` the body of an answer in parts is an OpenStream, which the caller sends. AWS Lambda's runtime for
    Python cannot, so that there such an answer is what comes within 25 seconds (decision 0031).
    """
    check_routes(api)
    app = Chalice(app_name=f"yardmaster-{api.name}", configure_logs=False)
    app.api.binary_types = BINARY_TYPES
    for endpoint in routes_of(api):
        register = app.route(
            endpoint.path, methods=[endpoint.method], name=endpoint.name, content_types=ANY_CONTENT_TYPE
        )
        register(_view(app, api, endpoint, can_stream))
    app.register_middleware(_dialect_middleware(api), "http")
    return app


def _view(app: Chalice, api: Api, endpoint: Endpoint, can_stream: bool) -> Callable[..., Response]:
    bound = read_signature(endpoint)

    @wraps(endpoint.handler)
    def view(**_still_encoded: str) -> Response:
        request = Request.from_chalice(cast(ChaliceRequest, app.current_request))
        return _Response(kernel.serve(api, endpoint, bound, request, can_stream=can_stream))

    return view


def _dialect_middleware(api: Api) -> Callable[[Any, Callable[[Any], Response]], Response]:
    """Middleware that renders Chalice's own answers, whose bodies are dicts, in the dialect.

    It also answers preflights, since API Gateway sends every method of a known path here, and adds the CORS headers to
    every answer.
    """

    def middleware(request: ChaliceRequest | None, get_response: Callable[[Any], Response]) -> Response:
        try:
            response = get_response(request)
        except Exception as error:  # noqa: BLE001 - an event that is not API Gateway's makes Chalice itself raise
            return _Response(kernel.failure(api, error, request_id(request)))
        if not isinstance(response, _Response):
            response = _Response(_reword(api, request, response))
        if request is not None:
            response.headers |= origins.cors_headers(request.headers)
        return response

    return middleware


def _reword(api: Api, request: ChaliceRequest | None, response: Response) -> Answer:
    if request is None or response.status_code != 405:
        return kernel.failure(api, YardmasterError("An unexpected error occurred"), request_id(request))
    allowed = sorted(method for method in str(response.headers["Allow"]).split(", ") if method)
    if not allowed:
        return kernel.not_found(api, request.method, request.path, request_id(request))
    if origins.is_preflight(request.method, request.headers):
        return kernel.preflight(api, request.path, request.headers, allowed, request_id(request))
    return kernel.method_not_allowed(api, request.method, request.path, allowed, request_id(request))

"""Make the Chalice app that serves an Api."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from chalice.app import Chalice, Response
from chalice.app import Request as ChaliceRequest

from chalicelib.edge import kernel, origins
from chalicelib.edge.api import Api, check_routes, routes_of
from chalicelib.edge.binding import read_signature
from chalicelib.edge.request import Request, request_id
from chalicelib.edge.responses import Answer
from chalicelib.edge.routing import Endpoint
from chalicelib.edge.schemas import MULTIPART
from chalicelib.errors import YardmasterError

ANY_CONTENT_TYPE: list[str] = []
"""Chalice must not check content types: its 415 is not in the dialect."""
BINARY_TYPES = [MULTIPART]
"""The bodies that API Gateway passes on as bytes; it takes others for text. No answer is binary."""


def mount(api: Api) -> Chalice:
    """A Chalice app with every endpoint of the API; raises ValueError for a route table that cannot be served."""
    check_routes(api)
    app = Chalice(app_name=f"yardmaster-{api.name}", configure_logs=False)
    app.api.binary_types = BINARY_TYPES
    for endpoint in routes_of(api):
        register = app.route(
            endpoint.path, methods=[endpoint.method], name=endpoint.name, content_types=ANY_CONTENT_TYPE
        )
        register(_view(app, api, endpoint))
    app.register_middleware(_dialect_middleware(api), "http")
    return app


def _view(app: Chalice, api: Api, endpoint: Endpoint) -> Callable[..., Response]:
    bound = read_signature(endpoint)

    @wraps(endpoint.handler)
    def view(**_still_encoded: str) -> Response:
        request = Request.from_chalice(cast(ChaliceRequest, app.current_request))
        return _response(kernel.serve(api, endpoint, bound, request))

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
            return _response(kernel.failure(api, error, request_id(request)))
        if not isinstance(response.body, str):
            response = _response(_reword(api, request, response))
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


def _response(answer: Answer) -> Response:
    headers: dict[str, str | list[str]] = {**answer.headers}
    if answer.cookies:
        headers["Set-Cookie"] = [str(cookie) for cookie in answer.cookies]
    return Response(body=answer.body, headers=headers, status_code=answer.status)

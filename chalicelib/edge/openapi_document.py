"""The OpenAPI 3.1 document of an API, from the same endpoints that are mounted."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from types import NoneType
from typing import Any, get_args

from pydantic import TypeAdapter

from chalicelib.edge.api import VARIABLE, Api, routes_of
from chalicelib.edge.binding import REQUIRED, Parameter, Signature, read_signature
from chalicelib.edge.paging import Paged
from chalicelib.edge.responses import (
    Bare,
    Binary,
    Created,
    NoContent,
    Raw,
    Redirect,
    Reply,
    Stream,
    is_result,
    result_types,
)
from chalicelib.edge.routing import Endpoint
from chalicelib.edge.schemas import JSON
from chalicelib.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    YardmasterError,
)

Json = dict[str, Any]
Keyed = tuple[Endpoint, Signature]
LIMIT_HEADERS = {
    "X-RateLimit-Limit": "Requests allowed in the window.",
    "X-RateLimit-Remaining": "Requests left now.",
    "X-RateLimit-Reset": "When the whole limit is free again, in epoch seconds.",
}
REQUEST_ID = "X-Request-Id"
RETRY_AFTER = "Retry-After"
INVALID = InvalidRequest("Missing required field: name", fields={"name": "is required"})
EXAMPLES: tuple[YardmasterError, ...] = (
    InvalidRequest("The body is not valid JSON: expected value at line 1 column 1"),
    INVALID,
    Unauthenticated("Invalid or expired token"),
    Forbidden("Admin role required"),
    NotFound("Task", "task_abc123"),
    Conflict("The task is already completed"),
    TooLarge("The body has 5000000 bytes; at most 4194304 are accepted"),
    UnsupportedMediaType("The body must be application/json, not text/plain"),
    TooManyRequests("At most 100 requests per 60 seconds; try again in 12 seconds", retry_after=12),
    YardmasterError("An unexpected error occurred"),
    Unavailable("The service is busy; try again"),
    TimedOut("The model did not answer within 25 seconds"),
)
AFTER_ADMISSION = {400, 404, 409, 415, 429}
"""Statuses of errors after the rate limit was counted: they carry its headers."""


def document(api: Api) -> Json:
    """The document, as plain JSON values."""
    operations = [(endpoint, read_signature(endpoint)) for endpoint in routes_of(api)]
    schemas, definitions = _schemas(operations)
    used_statuses = {status for operation in operations for status in _error_statuses(api, *operation)}
    paths: dict[str, Json] = {}
    for endpoint, bound in operations:
        path = VARIABLE.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(api, endpoint, bound, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": api.title, "version": api.version, "description": api.description},
        "servers": [{"url": ".", "description": "The address of this document."}],
        "tags": [{"name": tag} for tag in dict.fromkeys(group.tag for group in api.groups)],
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Error": api.dialect.error_schema()},
            "responses": {
                _phrase(api.dialect.status(error)): _error_response(api, error, limited=error.status in AFTER_ADMISSION)
                for error in EXAMPLES
                if api.dialect.status(error) in used_statuses
            },
            "headers": _headers(),
            "securitySchemes": {name: dict(scheme) for name, scheme in api.security.items()},
        },
    }


def _operation(api: Api, endpoint: Endpoint, bound: Signature, schemas: dict[str, Json]) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": endpoint.description or endpoint.summary,
        "security": [] if endpoint.public else [{name: []} for name in api.security],
        "responses": _responses(api, endpoint, bound, schemas),
    }
    if bound.parameters:
        operation["parameters"] = [_parameter(item, schemas[_key(endpoint, item.name)]) for item in bound.parameters]
    if bound.body:
        schema = schemas[_key(endpoint, bound.body.name)]
        operation["requestBody"] = {
            "required": bound.body.default is REQUIRED and bool(bound.body.schema.get("required")),
            "content": {bound.body.model.media_type: {"schema": schema}},
        }
    return operation


def _schemas(operations: list[Keyed]) -> tuple[dict[str, Json], Json]:
    """All schemas at once, so that pydantic gives each model one definition: (key -> schema, definitions)."""
    wanted = [(key, mode, TypeAdapter(annotation)) for key, mode, annotation in _annotations(operations)]
    schemas, shared = TypeAdapter.json_schemas(wanted, ref_template="#/components/schemas/{model}")
    return {key: dict(schema) for (key, _), schema in schemas.items()}, shared.get("$defs", {})


def _annotations(operations: list[Keyed]) -> Iterator[tuple[str, Any, Any]]:
    for endpoint, bound in operations:
        for parameter in bound.parameters:
            yield _key(endpoint, parameter.name), "validation", parameter.annotation
        if bound.body:
            yield _key(endpoint, bound.body.name), "validation", bound.body.model
        for status, kind in endpoint.answers.items():
            if _payload(kind) is not None:
                yield _key(endpoint, str(status)), "serialization", kind
        for result in result_types(bound.result):
            if (payload := _payload(result)) is not None:
                yield _key(endpoint, "return"), "serialization", payload


def _key(endpoint: Endpoint, part: str) -> str:
    return f"{endpoint.name} {part}"


def _payload(result: Any) -> Any:
    """The type that is rendered as JSON; None where the answer has no JSON body."""
    if result in (None, NoneType) or any(
        is_result(result, kind) for kind in (Raw, NoContent, Redirect, Binary, Stream)
    ):
        return None
    return get_args(result)[0] if is_result(result, Reply) else result


def _parameter(parameter: Parameter, schema: Json) -> Json:
    """One parameter. It is absent rather than null, so the null that `X | None` allows is left out."""
    members = [member for member in schema.get("anyOf", ()) if member.get("type") != "null"]
    if len(members) == 1:
        schema = {key: value for key, value in schema.items() if key != "anyOf"} | members[0]
    if parameter.default not in (REQUIRED, None, ()):
        schema = schema | {"default": TypeAdapter(parameter.annotation).dump_python(parameter.default, mode="json")}
    described = {"description": schema["description"]} if "description" in schema else {}
    return {
        "name": parameter.key,
        "in": parameter.source,
        "required": parameter.default is REQUIRED,
        "schema": {key: value for key, value in schema.items() if key not in {"title", "description"}},
    } | described


def _responses(api: Api, endpoint: Endpoint, bound: Signature, schemas: dict[str, Json]) -> Json:
    schema = schemas.get(_key(endpoint, "return"))
    successes = dict(_success_answer(api, endpoint, result, schema) for result in result_types(bound.result))
    errors = {str(code): _error_answer(api, endpoint, code) for code in _error_statuses(api, endpoint, bound)}
    own = {str(code): _own_answer(endpoint, code, schemas, errors.get(str(code))) for code in endpoint.answers}
    return successes | errors | own


def _success_answer(api: Api, endpoint: Endpoint, result: Any, schema: Json | None) -> tuple[str, Json]:
    status = _status(endpoint, result)
    success: Json = {
        "description": HTTPStatus(status).phrase,
        "headers": _header_references(limited=not endpoint.public),
    }
    if is_result(result, Created) or is_result(result, Redirect):
        success["headers"]["Location"] = {"$ref": "#/components/headers/Location"}
    if is_result(result, Raw):
        success["content"] = {result.media_type.partition(";")[0]: {"schema": {}}}
    elif is_result(result, Binary):
        success["content"] = {result.media_types: {"schema": {"type": "string", "format": "binary"}}}
    elif is_result(result, Stream):
        success["content"] = {result.media_types: {"schema": {}}}
    elif _payload(result) is not None and schema is not None:
        bare, paged = is_result(result, Bare), is_result(_payload(result), Paged)
        rendered = schema if bare else api.dialect.success_schema(schema, paged=paged)
        success["content"] = {JSON: {"schema": rendered}}
    return str(status), success


def _status(endpoint: Endpoint, result: Any) -> int:
    if is_result(result, Created):
        return 201
    if is_result(result, NoContent):
        return NoContent.STATUS
    if is_result(result, Redirect) and endpoint.status < 300:
        return Redirect.STATUS
    return endpoint.status


def _error_statuses(api: Api, endpoint: Endpoint, bound: Signature) -> list[int]:
    """The statuses that follow from the endpoint's options and signature, and those it declares."""
    if endpoint.render_error is not None:
        return sorted(endpoint.errors)  # it declares every answer itself
    statuses = {*endpoint.errors, 413, 500}
    if bound.parameters or bound.body or bound.strict:
        statuses |= {400, api.dialect.status(INVALID)}
    if bound.body:
        statuses.add(415)
    if any(parameter.source == "path" for parameter in bound.parameters):
        statuses.add(404)
    if not endpoint.public:
        statuses |= {401, 429, 503}
    if (endpoint.roles or api.authorize is not None) and not endpoint.public:
        statuses.add(403)
    return sorted(statuses)


def _error_answer(api: Api, endpoint: Endpoint, status: int) -> Json:
    """The common answer of a status; a public endpoint has no limit, and so no headers about it."""
    if not endpoint.public:
        return {"$ref": f"#/components/responses/{_phrase(status)}"}
    error = next(error for error in reversed(EXAMPLES) if api.dialect.status(error) == status)
    return _error_response(api, error, limited=False)


def _own_answer(endpoint: Endpoint, status: int, schemas: dict[str, Json], common: Json | None) -> Json:
    """The endpoint's own answer of a status, together with the common error where both are possible."""
    kind = endpoint.answers[status]
    media_type = kind.media_type.partition(";")[0] if is_result(kind, Raw) else JSON
    schema = schemas.get(_key(endpoint, str(status)), {})
    content = dict(common["content"]) if common else {}
    if media_type in content:
        schema = {"anyOf": [schema, content[media_type]["schema"]]}
    content[media_type] = {"schema": schema}
    headers = _header_references(limited=False)
    return {"description": HTTPStatus(status).phrase, "headers": headers, "content": content}


def _error_response(api: Api, error: YardmasterError, *, limited: bool) -> Json:
    example = json.loads(api.dialect.error(error, "7f9c1a52"))
    content = {"schema": {"$ref": "#/components/schemas/Error"}, "example": example}
    response: Json = {
        "description": HTTPStatus(api.dialect.status(error)).phrase,
        "headers": _header_references(limited=limited),
        "content": {api.dialect.error_media_type: content},
    }
    if isinstance(error, TooManyRequests):
        response["headers"][RETRY_AFTER] = {"$ref": f"#/components/headers/{RETRY_AFTER}"}
    return response


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _headers() -> Json:
    whole = {"type": "integer"}
    return {
        **{name: {"description": text, "schema": whole} for name, text in LIMIT_HEADERS.items()},
        RETRY_AFTER: {"description": "Whole seconds after which another try is worth it.", "schema": whole},
        REQUEST_ID: {"description": "The request's id, as in the logs.", "schema": {"type": "string"}},
        "Location": {
            "description": "The address of what was created, or where to go.",
            "schema": {"type": "string"},
        },
    }


def _header_references(*, limited: bool) -> Json:
    names = [*LIMIT_HEADERS, REQUEST_ID] if limited else [REQUEST_ID]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}

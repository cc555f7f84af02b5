"""Dialects: how an API renders its answers. One subclass per documented convention; handlers do not depend on it."""

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic_core import to_json

from chalicelib import __version__, clock
from chalicelib.edge.paging import Paged
from chalicelib.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    QueueFull,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    WorkerOffline,
    YardmasterError,
)

TITLES = {
    400: "Invalid request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Payload too large",
    415: "Unsupported media type",
    422: "Unprocessable content",
    429: "Too many requests",
    500: "Internal server error",
    503: "Service unavailable",
    504: "Gateway timeout",
}


class Dialect(ABC):
    """Renders successes and errors as JSON documents in UTF-8, and describes their schemas."""

    exclude_none: ClassVar[bool] = True
    """Whether fields that are None are left out of answers."""
    error_media_type: ClassVar[str] = "application/json"

    def success(self, value: Any, request_id: str) -> bytes:  # noqa: ARG002 - envelopes carry the id
        """The document of a value, by the aliases of its schema."""
        return self.json(value)

    def success_schema(self, schema: dict[str, Any], *, paged: bool = False) -> dict[str, Any]:  # noqa: ARG002
        """The JSON schema of what `success` renders for values of `schema`, which may be a `Paged`."""
        return schema

    def status(self, error: YardmasterError) -> int:
        """The HTTP status of an error."""
        return error.status

    @abstractmethod
    def error(self, error: YardmasterError, request_id: str) -> bytes:
        """The document of an error."""

    @abstractmethod
    def error_schema(self) -> dict[str, Any]:
        """The JSON schema of what `error` renders."""

    def json(self, value: Any) -> bytes:
        """Compact UTF-8, nothing escaped that need not be."""
        return to_json(value, by_alias=True, exclude_none=self.exclude_none, inf_nan_mode="null")


class FlatErrors(Dialect):
    """Bare success bodies, and errors as `{"error": "<title>", "details": "<message>"}`."""

    def error(self, error: YardmasterError, request_id: str) -> bytes:  # noqa: ARG002 - this dialect shows no id
        return self.json({"error": TITLES[error.status], "details": error.message})

    def error_schema(self) -> dict[str, Any]:
        text = {"type": "string"}
        return {
            "type": "object",
            "required": ["error", "details"],
            "properties": {"error": text | {"enum": list(TITLES.values())}, "details": text},
        }


class CodedErrors(Dialect):
    """Bare success bodies, and errors as `{"error": {"code": "INVALID_INPUT", "message": ..., "details": {...}}}`.

    `details` names the field at fault and what is wrong with it, or further facts; it is empty when there are none.
    """

    CODES: ClassVar[dict[type[YardmasterError], str]] = {
        InvalidRequest: "INVALID_INPUT",
        TooLarge: "INVALID_INPUT",
        UnsupportedMediaType: "INVALID_INPUT",
        Unauthenticated: "UNAUTHORIZED",
        Forbidden: "FORBIDDEN",
        NotFound: "NOT_FOUND",
        MethodNotAllowed: "METHOD_NOT_ALLOWED",
        Conflict: "CONFLICT",
        WorkerOffline: "WORKER_OFFLINE",
        TooManyRequests: "RATE_LIMITED",
        Unavailable: "UNAVAILABLE",
        TimedOut: "UNAVAILABLE",
        QueueFull: "QUEUE_FULL",
        YardmasterError: "INTERNAL_ERROR",
    }
    """Error class -> code; a class that is not named has its parent's."""
    NO_TASK: ClassVar[str] = "TASK_NOT_FOUND"

    def error(self, error: YardmasterError, request_id: str) -> bytes:  # noqa: ARG002 - this dialect shows no id
        shown = {"code": self._code(error), "message": error.message, "details": _details(error)}
        return self.json({"error": shown})

    def _code(self, error: YardmasterError) -> str:
        if isinstance(error, NotFound) and error.kind == "Task":
            return self.NO_TASK
        return next(self.CODES[kind] for kind in type(error).__mro__ if kind in self.CODES)

    def error_schema(self) -> dict[str, Any]:
        text = {"type": "string"}
        fields = {
            "code": text | {"enum": sorted({*self.CODES.values(), self.NO_TASK})},
            "message": text,
            "details": {"type": "object", "additionalProperties": text},
        }
        error = {"type": "object", "required": list(fields), "properties": fields}
        return {"type": "object", "required": ["error"], "properties": {"error": error}}


class TracedErrors(Dialect):
    """Bare success bodies that show nulls, and errors as
    `{"error": "NOT_FOUND", "message": ..., "status_code": 404, "request_id": ...}`.

    `error` is the error's own code in capitals.
    """

    exclude_none = False

    def error(self, error: YardmasterError, request_id: str) -> bytes:
        return self.json(
            {
                "error": error.code.upper(),
                "message": error.message,
                "status_code": error.status,
                "request_id": request_id,
            }
        )

    def error_schema(self) -> dict[str, Any]:
        text = {"type": "string"}
        fields = {
            "error": text | {"pattern": "^[A-Z_]+$"},
            "message": text,
            "status_code": {"type": "integer", "enum": list(TITLES)},
            "request_id": text,
        }
        return {"type": "object", "required": list(fields), "properties": fields}


class DetailedErrors(Dialect):
    """Bare success bodies that show nulls, and errors as
    `{"detail": ..., "status": 404, "type": "not_found", "fields": {<field>: <what is wrong>}}`.

    `type` is the error's own code, or `validation_error` for a request that breaks a rule of its schema. `fields` is
    empty for an error that is not about fields; `body` stands for the whole body.
    """

    exclude_none = False
    INVALID: ClassVar[str] = "validation_error"

    def error(self, error: YardmasterError, request_id: str) -> bytes:  # noqa: ARG002 - this dialect shows no id
        kind = self.INVALID if isinstance(error, InvalidRequest) else error.code
        fields = {field or "body": what for field, what in error.fields.items()}
        return self.json({"detail": error.message, "status": error.status, "type": kind, "fields": fields})

    def error_schema(self) -> dict[str, Any]:
        text = {"type": "string"}
        properties = {
            "detail": text,
            "status": {"type": "integer", "enum": list(TITLES)},
            "type": text | {"pattern": "^[a-z_]+$"},
            "fields": {"type": "object", "additionalProperties": text},
        }
        return {"type": "object", "required": list(properties), "properties": properties}


class Enveloped(Dialect):
    """`{"success": true, "data": ..., "meta": {...}}`, with `pagination` and `links` beside the data of a list; errors
    as `{"success": false, "error": {"code": ..., "message": ..., "details": {<field>: [...]}}, "meta": {...}}`.

    A request that cannot be read is a 400, one whose fields break a rule a 422.
    """

    exclude_none = False
    UNPROCESSABLE: ClassVar[int] = 422
    CODES: ClassVar[dict[type[YardmasterError], str]] = {
        InvalidRequest: "BAD_REQUEST",
        TooLarge: "PAYLOAD_TOO_LARGE",
        UnsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE",
        Unauthenticated: "AUTHENTICATION_ERROR",
        Forbidden: "AUTHORIZATION_ERROR",
        NotFound: "NOT_FOUND",
        MethodNotAllowed: "METHOD_NOT_ALLOWED",
        Conflict: "CONFLICT_ERROR",
        TooManyRequests: "RATE_LIMIT_ERROR",
        Unavailable: "SERVICE_UNAVAILABLE",
        TimedOut: "SERVICE_UNAVAILABLE",
        YardmasterError: "INTERNAL_ERROR",
    }
    INVALID: ClassVar[str] = "VALIDATION_ERROR"

    def success(self, value: Any, request_id: str) -> bytes:
        meta = self._meta(request_id) | {"version": __version__}
        if isinstance(value, Paged):
            page = {"pagination": value.pagination, "links": value.links}
            return self.json({"success": True, "data": value.data, **page, "meta": meta})
        return self.json({"success": True, "data": value, "meta": meta})

    def success_schema(self, schema: dict[str, Any], *, paged: bool = False) -> dict[str, Any]:
        fields = {"success": {"const": True}, "meta": _META | {"required": [*_META["required"], "version"]}}
        if paged:
            return {"allOf": [schema, {"type": "object", "required": list(fields), "properties": fields}]}
        fields = {"success": fields["success"], "data": schema, "meta": fields["meta"]}
        return {"type": "object", "required": list(fields), "properties": fields}

    def status(self, error: YardmasterError) -> int:
        return self.UNPROCESSABLE if self._invalid(error) else error.status

    def error(self, error: YardmasterError, request_id: str) -> bytes:
        shown: dict[str, Any] = {"code": self._code(error), "message": error.message}
        if error.fields:
            shown["details"] = {field or "body": [_sentence(field, what)] for field, what in error.fields.items()}
        if isinstance(error, TooManyRequests):
            shown["retryAfter"] = error.retry_after
        return self.json({"success": False, "error": shown, "meta": self._meta(request_id)})

    def _code(self, error: YardmasterError) -> str:
        if self._invalid(error):
            return self.INVALID
        return next(self.CODES[kind] for kind in type(error).__mro__ if kind in self.CODES)

    def _invalid(self, error: YardmasterError) -> bool:
        return isinstance(error, InvalidRequest) and bool(error.fields)

    def _meta(self, request_id: str) -> dict[str, str]:
        return {"requestId": request_id, "timestamp": clock.iso(clock.now())}

    def error_schema(self) -> dict[str, Any]:
        text = {"type": "string"}
        properties = {
            "code": text | {"enum": sorted({*self.CODES.values(), self.INVALID})},
            "message": text,
            "details": {"type": "object", "additionalProperties": {"type": "array", "items": text}},
            "retryAfter": {"type": "integer"},
        }
        error = {"type": "object", "required": ["code", "message"], "properties": properties}
        fields = {"success": {"const": False}, "error": error, "meta": _META}
        return {"type": "object", "required": list(fields), "properties": fields}


_META: dict[str, Any] = {
    "type": "object",
    "required": ["requestId", "timestamp"],
    "properties": {
        "requestId": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time"},
        "version": {"type": "string"},
    },
}


def _sentence(field: str, what: str) -> str:
    """A clause about a field as a sentence: "Due date is required". A clause with its own subject is kept."""
    if not what.startswith(_CLAUSES):
        return what[:1].upper() + what[1:]
    name = next((step for step in reversed(field.split(".")) if step and not step.isdecimal()), "the body")
    return f"{_HUMP.sub(' ', name).capitalize()} {what}"


_CLAUSES = ("is ", "must ", "may ", "has ", "cannot ")
_HUMP = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


def _details(error: YardmasterError) -> dict[str, str]:
    """What the error is about, as texts by name; `body` stands for the whole body."""
    details = {field or "body": what for field, what in error.fields.items()}
    details |= {name: str(fact) for name, fact in error.facts.items() if fact is not None}
    if isinstance(error, NotFound):
        details[f"{error.kind.lower()}_id" if error.kind != "Path" else "path"] = "does not exist"
    return details

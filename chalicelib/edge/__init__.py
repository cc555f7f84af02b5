"""HTTP and WebSockets over Chalice: typed routes, binding, replies, errors, limits and OpenAPI. It knows no tasks."""

from chalicelib.edge.api import BEARER, BEARER_OR_KEY, Admission, Api, Caller, Limit, routes_of
from chalicelib.edge.chalice_app import binary_types, mount
from chalicelib.edge.cookies import Cookie
from chalicelib.edge.dialects import CodedErrors, DetailedErrors, Dialect, Enveloped, FlatErrors, TracedErrors
from chalicelib.edge.documentation import docs_page, documentation_routes, openapi
from chalicelib.edge.instants import InstantMs, parse_instant
from chalicelib.edge.kernel import method_not_allowed, not_found
from chalicelib.edge.multipart import FilePart, Upload
from chalicelib.edge.paging import Links, Paged, Pagination
from chalicelib.edge.request import Request
from chalicelib.edge.responses import (
    Answer,
    Bare,
    Binary,
    Created,
    Html,
    JsonText,
    NoContent,
    Raw,
    Redirect,
    Reply,
    Stream,
)
from chalicelib.edge.routing import Endpoint, Header, Query, Routes
from chalicelib.edge.schemas import (
    SECRET,
    CamelSchema,
    ClosedSchema,
    FormSchema,
    Instant,
    MultipartSchema,
    NaiveInstant,
    Schema,
)
from chalicelib.edge.server_sent_events import ServerEvent, event_stream
from chalicelib.edge.streams import OpenStream, Pauses
from chalicelib.edge.websocket_messages import FrameHandler, error_frame
from chalicelib.edge.websockets import Channel, ConnectRequest, WebSocketRouter, WorkerEndpoint

__all__ = [
    "BEARER",
    "BEARER_OR_KEY",
    "SECRET",
    "Admission",
    "Answer",
    "Api",
    "Bare",
    "Binary",
    "Caller",
    "CamelSchema",
    "Channel",
    "ClosedSchema",
    "CodedErrors",
    "ConnectRequest",
    "Cookie",
    "Created",
    "DetailedErrors",
    "Dialect",
    "Endpoint",
    "Enveloped",
    "FilePart",
    "FlatErrors",
    "FormSchema",
    "FrameHandler",
    "Header",
    "Html",
    "Instant",
    "InstantMs",
    "JsonText",
    "Limit",
    "Links",
    "MultipartSchema",
    "NaiveInstant",
    "NoContent",
    "OpenStream",
    "Paged",
    "Pagination",
    "Pauses",
    "Query",
    "Raw",
    "Redirect",
    "Reply",
    "Request",
    "Routes",
    "Schema",
    "ServerEvent",
    "Stream",
    "TracedErrors",
    "Upload",
    "WebSocketRouter",
    "WorkerEndpoint",
    "binary_types",
    "docs_page",
    "documentation_routes",
    "error_frame",
    "event_stream",
    "method_not_allowed",
    "mount",
    "not_found",
    "openapi",
    "parse_instant",
    "routes_of",
]

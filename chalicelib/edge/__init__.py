"""HTTP and WebSockets over Chalice: typed routes, binding, replies, errors, limits and OpenAPI. It knows no tasks."""

from chalicelib.edge.api import BEARER, BEARER_OR_KEY, Admission, Api, Caller, Limit, routes_of
from chalicelib.edge.chalice_app import BINARY_TYPES, mount
from chalicelib.edge.cookies import Cookie
from chalicelib.edge.dialects import CodedErrors, Dialect, Enveloped, FlatErrors, TracedErrors
from chalicelib.edge.documentation import docs_page, documentation_routes, openapi
from chalicelib.edge.kernel import method_not_allowed, not_found
from chalicelib.edge.multipart import FilePart, Upload
from chalicelib.edge.paging import Links, Paged, Pagination
from chalicelib.edge.request import Request
from chalicelib.edge.responses import Answer, Bare, Created, Html, JsonText, Raw, Redirect, Reply
from chalicelib.edge.routing import Endpoint, Header, Query, Routes
from chalicelib.edge.schemas import SECRET, CamelSchema, FormSchema, Instant, MultipartSchema, NaiveInstant, Schema
from chalicelib.edge.websocket_messages import FrameHandler, error_frame
from chalicelib.edge.websockets import Channel, ConnectRequest, WebSocketRouter, WorkerEndpoint

__all__ = [
    "BEARER",
    "BEARER_OR_KEY",
    "BINARY_TYPES",
    "SECRET",
    "Admission",
    "Answer",
    "Api",
    "Bare",
    "Caller",
    "CamelSchema",
    "Channel",
    "CodedErrors",
    "ConnectRequest",
    "Cookie",
    "Created",
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
    "JsonText",
    "Limit",
    "Links",
    "MultipartSchema",
    "NaiveInstant",
    "Paged",
    "Pagination",
    "Query",
    "Raw",
    "Redirect",
    "Reply",
    "Request",
    "Routes",
    "Schema",
    "TracedErrors",
    "Upload",
    "WebSocketRouter",
    "WorkerEndpoint",
    "docs_page",
    "documentation_routes",
    "error_frame",
    "method_not_allowed",
    "mount",
    "not_found",
    "openapi",
    "routes_of",
]

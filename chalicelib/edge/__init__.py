"""The HTTP kernel: typed routes, binding, replies, errors, limits and OpenAPI over Chalice. It knows no fleet."""

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
from chalicelib.edge.websocket_messages import Hears, error_frame
from chalicelib.edge.websockets import Channel, Door, Opening, Switchboard

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
    "Cookie",
    "Created",
    "Dialect",
    "Door",
    "Endpoint",
    "Enveloped",
    "FilePart",
    "FlatErrors",
    "FormSchema",
    "Header",
    "Hears",
    "Html",
    "Instant",
    "JsonText",
    "Limit",
    "Links",
    "MultipartSchema",
    "NaiveInstant",
    "Opening",
    "Paged",
    "Pagination",
    "Query",
    "Raw",
    "Redirect",
    "Reply",
    "Request",
    "Routes",
    "Schema",
    "Switchboard",
    "TracedErrors",
    "Upload",
    "docs_page",
    "documentation_routes",
    "error_frame",
    "method_not_allowed",
    "mount",
    "not_found",
    "openapi",
    "routes_of",
]

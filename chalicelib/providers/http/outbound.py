"""The guarded HTTP client: every request of Yardmaster to an address outside AWS goes through it.

URLs come from tenants. A URL is parsed by one strict grammar, its host is resolved once, every address is checked, and
the connection goes to a checked address: the host is never resolved a second time. No redirect is followed and no proxy
is read from the environment. Timeouts here are in real time, and not by `chalicelib.clock`.

urllib3 and ssl are imported on the first request: a bundle that only checks URLs does not pay for them at start.
It is one file, so that all that guards a request can be reviewed together.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, ParamSpec, Protocol, TypeVar

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.errors import InvalidRequest
from chalicelib.providers.http.address_policy import is_permitted
from chalicelib.providers.http.url_policy import Target, parse_url

if TYPE_CHECKING:
    from io import BufferedReader
    from ssl import SSLContext

    from urllib3.connection import HTTPConnection

    from chalicelib.providers.http.response_reader import Head

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS = 3.0
MAX_RESPONSE_BYTES = 1_000_000
UNNEEDED_BODY_SECONDS = 3.0
"""How long a body that is not needed is waited for."""
_RESERVED_HEADERS = frozenset({"host", "accept-encoding", "connection", "content-length", "transfer-encoding"})
"""Headers of framing and routing, which are set here; the caller's are dropped."""

Reason = Literal["invalid", "forbidden address", "dns", "refused", "tls", "timed out", "closed", "too large"]


NeedsBody = Callable[[int], bool]
"""Whether a response with this status is only useful with its whole body."""


def always(_status: int) -> bool:
    """Every response needs its body."""
    return True


def never(_status: int) -> bool:
    """The status is enough."""
    return False


_REASONS_AFTER_SENDING = frozenset({"timed out", "closed", "too large"})
"""Reasons for which a call may fail after its request was sent."""


class Unreachable(Exception):
    """There is no HTTP response. `reason` says why in a word or two, the text in a few more; neither names an address.

    `sent` says whether the request may have arrived, in part or as a whole, so that its effect is unknown. By default
    it follows from the reason.
    """

    def __init__(self, reason: Reason, detail: str = "", *, sent: bool | None = None) -> None:
        super().__init__(detail or reason)
        self.reason: Reason = reason
        self.sent = reason in _REASONS_AFTER_SENDING if sent is None else sent


@dataclass(frozen=True, slots=True)
class Response:
    """A response with any status, 3xx included."""

    status: int
    headers: dict[str, str]
    """Names in lower case; repeated headers joined with a comma."""
    body: bytes
    """Where the caller does not need it, the part that was received, at most the caller's cap."""


class Network(Protocol):
    """Resolves hosts to addresses, and holds the trusted certificates."""

    def addresses(self, host: str) -> list[str]:
        """The addresses of `host`, best first. Raises OSError where there is none."""

    @property
    def trust(self) -> "SSLContext": ...


class SystemNetwork:
    """The machine's own resolver and certificate store."""

    def addresses(self, host: str) -> list[str]:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in entries))

    @cached_property
    def trust(self) -> "SSLContext":
        import ssl

        return ssl.create_default_context()


_network: Network = SystemNetwork()


def use_network(network: Network) -> Network:
    """Use `network` in the whole process; returns the one that it replaces."""
    global _network
    previous, _network = _network, network
    return previous


def check_url(url: str) -> None:
    """Raise InvalidRequest unless `url` may be requested, as far as that is known now.

    A host that does not resolve yet passes: each request checks its addresses again.
    """
    host = parse_url(url).host
    with suppress(OSError):
        if not _all_permitted(_run_within(CONNECT_SECONDS, _network.addresses, host)):
            raise InvalidRequest(f"The URL's host '{host}' is not on the public internet: name a public host.")


class Sender(Protocol):
    """Makes one request, as `send` does."""

    def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,
        cap_bytes: int,
        private: bool,
        needs_body: NeedsBody,
    ) -> Response: ...


def use_sender(sender: Sender) -> Sender:
    """Send through `sender` from now on; returns the one that it replaces. For simulations, which have no network."""
    global _sender
    previous, _sender = _sender, sender
    return previous


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    timeout: float,
    cap_bytes: int = MAX_RESPONSE_BYTES,
    private: bool = False,
    needs_body: NeedsBody = always,
) -> Response:
    """Make one request. `timeout`, in seconds, bounds all of it, from resolving the host to the last byte of the
    response.

    `private` says that the operator, and not a tenant, named this very address: then it may be in a private network,
    and http. `needs_body` is called with the response's status. Where it returns False, the status is enough: the body
    is read for a few seconds and up to `cap_bytes`, and errors in the header lines or the body are ignored. Raises
    Unreachable in every other case without a complete HTTP response with at most `cap_bytes` of body.
    """
    return _sender(
        method,
        url,
        headers=headers,
        body=body,
        timeout=timeout,
        cap_bytes=cap_bytes,
        private=private,
        needs_body=needs_body,
    )


def _send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    timeout: float,
    cap_bytes: int,
    private: bool = False,
    needs_body: NeedsBody = always,
) -> Response:
    try:
        call = _Call(parse_url(url, private=private), timeout, cap_bytes, private, needs_body)
    except InvalidRequest as error:
        raise Unreachable("invalid", error.message) from None
    try:
        return _run_within(timeout, call.run, method, headers, body)
    except TimeoutError:
        call.abandon()
        if call.decided is not None:
            return call.decided
        raise Unreachable("timed out", sent=call.sent) from None
    except Unreachable as unreachable:
        unreachable.sent = call.sent
        raise


_sender: Sender = _send


@dataclass(frozen=True, slots=True)
class StreamedResponse:
    """A response whose body is read as it arrives."""

    status: int
    headers: dict[str, str]
    """As in `Response`."""
    pieces: Iterator[bytes]
    """The body's bytes, decompressed. Raises Unreachable where the body is malformed, too large, late or cut off."""


class Limits(NamedTuple):
    """The bounds of one streamed response: `idle` seconds without a byte, `total` seconds and `bytes` in all."""

    idle: float
    total: float
    bytes: int


class Streamer(Protocol):
    """Opens one streamed response, as `stream` does."""

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes, limits: Limits, private: bool
    ) -> AbstractContextManager[StreamedResponse]: ...


def use_streamer(streamer: Streamer) -> Streamer:
    """Stream through `streamer` from now on; returns the one that it replaces. For simulations."""
    global _streamer
    previous, _streamer = _streamer, streamer
    return previous


def stream(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, limits: Limits, private: bool = False
) -> AbstractContextManager[StreamedResponse]:
    """Make one request and read its response as it arrives, under the same guard as `send`; `private` as there.

    The connection is closed with the context, whatever was read. Entering it raises Unreachable where no head of a
    response comes within the limits.
    """
    return _streamer(method, url, headers=headers, body=body, limits=limits, private=private)


@contextmanager
def _stream(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, limits: Limits, private: bool = False
) -> Iterator[StreamedResponse]:
    from threading import Timer

    try:
        target = parse_url(url, private=private)
    except InvalidRequest as error:
        raise Unreachable("invalid", error.message) from None
    call = _Call(target, limits.idle, limits.bytes, private, always)
    deadline = Timer(limits.total, call.abandon)
    deadline.daemon = True
    deadline.start()
    try:
        with closing(call):
            yield _open_stream(call, method, headers, body, min(limits.idle, limits.total))
    finally:
        deadline.cancel()


def _open_stream(
    call: "_Call", method: str, headers: Mapping[str, str], body: bytes, seconds: float
) -> StreamedResponse:
    """The response once its head has arrived, within so many seconds."""
    try:
        return _run_within(seconds, call.open_stream, method, headers, body)
    except TimeoutError:
        call.abandon()
        raise Unreachable("timed out", sent=call.sent) from None
    except Unreachable as unreachable:
        unreachable.sent = call.sent
        raise


_streamer: Streamer = _stream


def _all_permitted(addresses: list[str], private: bool = False) -> bool:
    loopback = settings().allow_loopback
    return all(is_permitted(address, loopback=loopback, private=private) for address in addresses)


def _run_within(seconds: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises. After `seconds` TimeoutError is raised, and `work` goes on in its thread.

    It runs in a thread, because a socket timeout stops neither getaddrinfo nor a peer that sends a byte now and then.
    """
    from concurrent.futures import ThreadPoolExecutor

    worker = ThreadPoolExecutor(max_workers=1)
    future = worker.submit(work, *args, **kwargs)
    worker.shutdown(wait=False)
    return future.result(seconds)


class _Call:
    """One request and its response, in a thread that its caller may abandon at any moment."""

    decided: Response | None = None
    """The response once its status is known, if its body is not needed; the body may still be coming."""

    def __init__(self, target: Target, timeout: float, cap_bytes: int, private: bool, needs_body: NeedsBody) -> None:
        self._target = target
        self._timeout = timeout
        self._cap = cap_bytes
        self._private = private
        self._needs_body = needs_body
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._stream: BufferedReader | None = None
        self._abandoned = False
        self.sent = False
        """Whether the request may have begun to arrive."""

    def run(self, method: str, headers: Mapping[str, str], body: bytes) -> Response:
        with _translating_errors(), closing(self):
            connection = self._connect(self._resolve())
            self._send_request(connection, method, headers, body)
            return self._read_response(connection.sock, method)

    def open_stream(self, method: str, headers: Mapping[str, str], body: bytes) -> StreamedResponse:
        """Make the request and read the head of its response. The caller closes this call when it is done."""
        from chalicelib.providers.http.response_reader import read_body, read_head

        with _translating_errors(), self._ending_when_abandoned(), ExitStack() as on_error:
            on_error.callback(self.close)
            connection = self._connect(self._resolve())
            self._send_request(connection, method, headers, body)
            connection.sock.settimeout(self._timeout)
            self._stream = connection.sock.makefile("rb")
            head = read_head(self._stream)
            pieces = self._iter_body(head, read_body(self._stream, head, method))
            on_error.pop_all()
            return StreamedResponse(head.status, head.headers, pieces)

    def _iter_body(self, head: "Head", pieces: Iterator[bytes]) -> Iterator[bytes]:
        from chalicelib.providers.http.response_reader import decode_pieces

        count = 0
        with _translating_errors(), self._ending_when_abandoned():
            for piece in decode_pieces(pieces, head.headers.get("content-encoding", "")):
                count += len(piece)
                if count > self._cap:
                    raise Unreachable("too large", f"answer larger than {self._cap} bytes")
                yield piece

    @contextmanager
    def _ending_when_abandoned(self) -> Iterator[None]:
        """A connection that was closed here ends bodies as if they were complete, or malformed: it is neither."""
        from chalicelib.providers.http.response_reader import MalformedResponse

        try:
            yield
        except (OSError, MalformedResponse):
            self._stop_if_abandoned()
            raise
        self._stop_if_abandoned()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._connection is not None:
            self._connection.close()

    def abandon(self) -> None:
        """Close the connection, so that the thread ends now and nothing more is sent."""
        self._abandoned = True
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown: it would clear the TLS state while the thread reads from the socket.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _resolve(self) -> list[str]:
        try:
            addresses = _network.addresses(self._target.host)
        except OSError:
            addresses = []
        if not addresses:
            raise Unreachable("dns", "the host's name does not resolve")
        if not _all_permitted(addresses, self._private):
            raise Unreachable("forbidden address")
        return addresses

    def _connect(self, addresses: list[str]) -> "HTTPConnection":
        """A connection to the first address that accepts one."""
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

        *others, last = addresses
        for address in others:
            with suppress(ConnectTimeoutError, NewConnectionError):
                return self._connect_to(address)
        return self._connect_to(last)

    def _connect_to(self, address: str) -> "HTTPConnection":
        self._stop_if_abandoned()
        self._connection = connection = self._connection_to(address)
        connection.connect()
        self._socket = connection.sock
        self._stop_if_abandoned()
        connection.timeout = self._timeout
        return connection

    def _connection_to(self, address: str) -> "HTTPConnection":
        from urllib3.connection import HTTPConnection, HTTPSConnection

        host, port, timeout = self._target.host, self._target.port, min(CONNECT_SECONDS, self._timeout)
        if self._target.scheme == "http":
            return HTTPConnection(address, port, timeout=timeout)
        return HTTPSConnection(address, port, timeout=timeout, server_hostname=host, ssl_context=_network.trust)

    def _stop_if_abandoned(self) -> None:
        if self._abandoned:
            raise Unreachable("timed out")

    def _send_request(self, connection: "HTTPConnection", method: str, headers: Mapping[str, str], body: bytes) -> None:
        own = {name.lower(): value for name, value in headers.items() if name.lower() not in _RESERVED_HEADERS}
        fixed = {"host": self._target.authority, "accept-encoding": "identity", "connection": "close"}
        all_headers = {"user-agent": "yardmaster"} | own | fixed
        self.sent = True
        try:
            # The server may have responded before it had read everything, with a 413 for example, and closed.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(
                    method, self._target.path, body or None, all_headers, preload_content=False, decode_content=False
                )
        except ValueError:
            self.sent = False
            raise Unreachable("invalid", "the request's method or headers cannot be written as HTTP") from None

    def _read_response(self, connected: socket.socket, method: str) -> Response:
        from chalicelib.providers.http.response_reader import read_body, read_head

        connected.settimeout(self._timeout)
        with closing(connected.makefile("rb")) as stream:
            head = read_head(stream)
            pieces = read_body(stream, head, method)
            if self._needs_body(head.status):
                return Response(head.status, head.headers, self._read_needed(head, pieces))
            self.decided = Response(head.status, head.headers, b"")
            connected.settimeout(min(UNNEEDED_BODY_SECONDS, self._timeout))
            return replace(self.decided, body=self._read_unneeded(head, pieces))

    def _read_needed(self, head: "Head", pieces: Iterator[bytes]) -> bytes:
        """All of the body."""
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > self._cap:
                break
        decoded = self._decode(head, body)
        if len(decoded) > self._cap:
            raise Unreachable("too large", f"answer larger than {self._cap} bytes")
        return decoded

    def _read_unneeded(self, head: "Head", pieces: Iterator[bytes]) -> bytes:
        """The received part of the body. It is read although it is not needed: a peer whose connection is closed while
        it still writes may take that for a failure."""
        from chalicelib.providers.http.response_reader import MalformedResponse

        body, until = bytearray(), clock.stopwatch() + UNNEEDED_BODY_SECONDS
        with suppress(OSError, MalformedResponse):
            for piece in pieces:
                body += piece
                if len(body) >= self._cap or clock.stopwatch() >= until:
                    break
        return self._decode(head, body)[: self._cap]

    def _decode(self, head: "Head", body: bytearray) -> bytes:
        from chalicelib.providers.http.response_reader import decode_body

        return decode_body(bytes(body), head.headers.get("content-encoding", ""), self._cap)


@contextmanager
def _translating_errors() -> Iterator[None]:
    """Raise Unreachable for every way in which a connection can fail."""
    from http.client import HTTPException
    from ssl import CertificateError, SSLError

    from urllib3 import exceptions

    from chalicelib.providers.http.response_reader import MalformedResponse

    try:
        yield
    except exceptions.NewConnectionError:
        raise Unreachable("refused", "the host refused the connection") from None
    except (TimeoutError, exceptions.TimeoutError):
        raise Unreachable("timed out") from None
    except (SSLError, CertificateError, exceptions.SSLError):
        raise Unreachable("tls", "the host's certificate or TLS handshake is not acceptable") from None
    except (OSError, HTTPException, exceptions.HTTPError, MalformedResponse):
        raise Unreachable("closed", "the host closed the connection without a complete answer") from None

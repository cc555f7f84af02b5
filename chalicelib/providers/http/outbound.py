"""The one guarded HTTP client: everything this house sends to somebody else's address goes through here.

A URL comes from a tenant, so it is taken apart by one strict grammar, its name is resolved once, every address is
judged, and the connection goes to a judged address: the name is never resolved a second time. No redirect is followed
and no proxy is read from the environment. Deadlines here are the network's, in real time, not the clock's.

urllib3 and ssl are imported on the first call, since a bundle that only checks URLs should not pay for them at start.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, ParamSpec, Protocol, TypeVar

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.errors import InvalidRequest
from chalicelib.providers.http.address_policy import permitted
from chalicelib.providers.http.url_policy import Target, parse

if TYPE_CHECKING:
    from ssl import SSLContext

    from urllib3.connection import HTTPConnection

    from chalicelib.providers.http.response_reader import Head

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS = 3.0
ANSWER_BYTES = 1_000_000
SPARE_BODY_SECONDS = 3.0
"""How long a body is waited for that nobody needs."""
_OWN_HEADERS = frozenset({"host", "accept-encoding", "connection", "content-length", "transfer-encoding"})
"""Framing and routing are decided here; a caller's word on them is dropped."""

Reason = Literal["invalid", "forbidden address", "dns", "refused", "tls", "timed out", "closed", "too large"]


NeedsBody = Callable[[int], bool]
"""Whether an answer with that status means something only with its whole body."""


def always(_status: int) -> bool:
    """Every answer needs its body."""
    return True


def never(_status: int) -> bool:
    """The status alone says it all."""
    return False


_AFTER_SENDING = frozenset({"timed out", "closed", "too large"})
"""Reasons for which a call may fail after its request was sent."""


class Unreachable(Exception):
    """The call gave no HTTP answer; `reason` says why in one word, the text in a few more, neither names an address.

    `sent` says whether the request may have arrived, in part or as a whole, so that its effect is unknown; unless it is
    said, the reason tells.
    """

    def __init__(self, reason: Reason, detail: str = "", *, sent: bool | None = None) -> None:
        super().__init__(detail or reason)
        self.reason: Reason = reason
        self.sent = reason in _AFTER_SENDING if sent is None else sent


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said: any status, 3xx included."""

    status: int
    headers: dict[str, str]
    """Names in lower case; repeated headers joined with a comma."""
    body: bytes
    """Where the caller needs none with that status, what has come of it, at most the caller's cap."""


class Network(Protocol):
    """What is outside: names to addresses, and whose certificates to trust."""

    def addresses(self, host: str) -> list[str]:
        """The addresses of `host`, best first. Raises OSError where there are none."""

    @property
    def trust(self) -> "SSLContext": ...


class SystemNetwork:
    """The machine's own resolver and certificate store."""

    def addresses(self, host: str) -> list[str]:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    @cached_property
    def trust(self) -> "SSLContext":
        import ssl

        return ssl.create_default_context()


_network: Network = SystemNetwork()


def use(network: Network) -> Network:
    """Make `network` the outside of the whole process; returns the one it replaces."""
    global _network
    previous, _network = _network, network
    return previous


def check_url(url: str) -> None:
    """Raise InvalidRequest unless `url` may be called, as far as can be told now.

    A name that does not resolve yet passes: each call judges its addresses again.
    """
    host = parse(url).host
    with suppress(OSError):
        if not _all_permitted(_within(CONNECT_SECONDS, _network.addresses, host)):
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
    ) -> Answer: ...


def use_sender(sender: Sender) -> Sender:
    """Send through `sender` from now on; returns the one it replaces. For simulations, which have no network."""
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
    cap_bytes: int = ANSWER_BYTES,
    private: bool = False,
    needs_body: NeedsBody = always,
) -> Answer:
    """Make one request; `timeout` seconds bound all of it, from the first look-up to the last byte of the answer.

    `private` says that the operator, and not a tenant, has named this very address: then it may be in a private
    network, and http. `needs_body` is asked with the answer's status: where it says no, the status decides. Then the
    body is read for a few seconds and up to `cap_bytes`, and whatever is wrong with it or with the header lines is
    nobody's concern. Raises Unreachable for everything else that gave no complete HTTP answer of at most `cap_bytes`
    of body.
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
) -> Answer:
    try:
        call = _Call(parse(url, private=private), timeout, cap_bytes, private, needs_body)
    except InvalidRequest as error:
        raise Unreachable("invalid", error.message) from None
    try:
        return _within(timeout, call.run, method, headers, body)
    except TimeoutError:
        call.abandon()
        if call.decided is not None:
            return call.decided
        raise Unreachable("timed out", sent=call.sent) from None
    except Unreachable as failed:
        failed.sent = call.sent
        raise


_sender: Sender = _send


def _all_permitted(addresses: list[str], private: bool = False) -> bool:
    loopback = settings().allow_loopback
    return all(permitted(address, loopback=loopback, private=private) for address in addresses)


def _within(seconds: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises, or TimeoutError when `seconds` have passed; `work` is then left to itself.

    A thread, because neither getaddrinfo nor a peer that sends a byte now and then heeds a socket timeout.
    """
    from concurrent.futures import ThreadPoolExecutor

    worker = ThreadPoolExecutor(max_workers=1)
    future = worker.submit(work, *args, **kwargs)
    worker.shutdown(wait=False)
    return future.result(seconds)


class _Call:
    """One request and its answer, run in a thread that its starter may abandon at any moment."""

    decided: Answer | None = None
    """What the status alone has decided, while the body may still be coming."""

    def __init__(self, target: Target, timeout: float, cap_bytes: int, private: bool, needs_body: NeedsBody) -> None:
        self._target = target
        self._timeout = timeout
        self._cap = cap_bytes
        self._private = private
        self._needs_body = needs_body
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._abandoned = False
        self.sent = False
        """Whether the request may have begun to arrive."""

    def run(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with _translated(), closing(self):
            connection = self._connect(self._resolve())
            self._ask(connection, method, headers, body)
            return self._answer(connection.sock, method)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def abandon(self) -> None:
        """Cut the connection, so that the thread ends now and nothing more is sent."""
        self._abandoned = True
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown: that clears the TLS state under the thread that is reading from it.
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
        """A connection to the first address that takes one."""
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

    def _ask(self, connection: "HTTPConnection", method: str, headers: Mapping[str, str], body: bytes) -> None:
        given = {name.lower(): value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}
        own = {"host": self._target.authority, "accept-encoding": "identity", "connection": "close"}
        sent = {"user-agent": "yardmaster"} | given | own
        self.sent = True
        try:
            # It may be a server that answered before it had read everything, with a 413 for example, and hung up.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(
                    method, self._target.path, body or None, sent, preload_content=False, decode_content=False
                )
        except ValueError:
            self.sent = False
            raise Unreachable("invalid", "the request's method or headers cannot be written as HTTP") from None

    def _answer(self, connected: socket.socket, method: str) -> Answer:
        from chalicelib.providers.http.response_reader import read_body, read_head

        connected.settimeout(self._timeout)
        with closing(connected.makefile("rb")) as stream:
            head = read_head(stream)
            pieces = read_body(stream, head, method)
            if self._needs_body(head.status):
                return Answer(head.status, head.headers, self._needed(head, pieces))
            self.decided = Answer(head.status, head.headers, b"")
            connected.settimeout(min(SPARE_BODY_SECONDS, self._timeout))
            return replace(self.decided, body=self._spare(head, pieces))

    def _needed(self, head: "Head", pieces: Iterator[bytes]) -> bytes:
        """All of the body."""
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > self._cap:
                break
        found = self._plain(head, body)
        if len(found) > self._cap:
            raise Unreachable("too large", f"answer larger than {self._cap} bytes")
        return found

    def _spare(self, head: "Head", pieces: Iterator[bytes]) -> bytes:
        """What comes of the body. Some of it is read although nobody needs it: a peer that is cut off while it still
        writes may take that for a failure."""
        from chalicelib.providers.http.response_reader import Broken

        body, until = bytearray(), clock.stopwatch() + SPARE_BODY_SECONDS
        with suppress(OSError, Broken):
            for piece in pieces:
                body += piece
                if len(body) >= self._cap or clock.stopwatch() >= until:
                    break
        return self._plain(head, body)[: self._cap]

    def _plain(self, head: "Head", body: bytearray) -> bytes:
        from chalicelib.providers.http.response_reader import decoded

        return decoded(bytes(body), head.headers.get("content-encoding", ""), self._cap)


@contextmanager
def _translated() -> Iterator[None]:
    """Every way in which a connection can fail, as Unreachable."""
    from http.client import HTTPException
    from ssl import CertificateError, SSLError

    from urllib3 import exceptions

    from chalicelib.providers.http.response_reader import Broken

    try:
        yield
    except exceptions.NewConnectionError:
        raise Unreachable("refused", "the host refused the connection") from None
    except (TimeoutError, exceptions.TimeoutError):
        raise Unreachable("timed out") from None
    except (SSLError, CertificateError, exceptions.SSLError):
        raise Unreachable("tls", "the host's certificate or TLS handshake is not acceptable") from None
    except (OSError, HTTPException, exceptions.HTTPError, Broken):
        raise Unreachable("closed", "the host closed the connection without a complete answer") from None

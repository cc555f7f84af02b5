"""Peers for the outbound client: real sockets on 127.0.0.1, a fake name service, and a record of every connection."""

import ipaddress
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib import config
from chalicelib.providers.http import outbound

Script = Callable[[socket, bytes], None]
"""What a peer does with a connection, given the received request."""


class FakeNetwork(outbound.SystemNetwork):
    """Names resolve to the test's addresses, each look-up to the next answer. Addresses resolve as on the machine."""

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.lookups: list[str] = []

    def addresses(self, host: str) -> list[str]:
        self.lookups.append(host)
        if host not in self.names:
            return super().addresses(host)
        answers = self.names[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        if not addresses:
            raise OSError(f"{host} does not resolve")
        return addresses


@pytest.fixture
def network() -> Iterator[FakeNetwork]:
    fake = FakeNetwork()
    previous = outbound.use_network(fake)
    yield fake
    outbound.use_network(previous)


@contextmanager
def settings(**changes: object) -> Iterator[None]:
    before = config.replace(**changes)
    yield
    config.restore(before)


@pytest.fixture
def in_aws() -> Iterator[None]:
    with settings(stage="test", allow_loopback=False):
        yield


@pytest.fixture
def on_this_machine() -> Iterator[None]:
    with settings(stage=config.LOCAL, allow_loopback=True):
        yield


_spied: list[list[object]] = []


def _audit(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.connect":
        for seen in _spied:
            seen.append(args[1])


sys.addaudithook(_audit)


@pytest.fixture
def connections() -> Iterator[list[object]]:
    """Every address to which this process tries to connect, as the interpreter's audit hook reports it."""
    seen: list[object] = []
    _spied.append(seen)
    yield seen
    _spied.remove(seen)


@dataclass
class Peer:
    """A server that runs `script` for each connection and records the requests."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


def _read_request(connection: socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += (piece := connection.recv(65536))
        if not piece or request.startswith(b"\x16"):  # A TLS hello where none is spoken.
            return request
    head, _, body = request.partition(b"\r\n\r\n")
    length = next((int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
    while len(body) < length and (piece := connection.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = True


@pytest.fixture
def play(released: threading.Event) -> Iterator[Callable[..., Peer]]:
    """Start a peer: `play(script)`, or `play(script, tls=context)`."""
    servers: list[_Server] = []

    def start(script: Script, tls: ssl.SSLContext | None = None) -> Peer:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    plain = self.request
                    plain.settimeout(5)
                    with tls.wrap_socket(plain, server_side=True) if tls else nullcontext(plain) as connection:
                        peer.requests.append(_read_request(connection))
                        script(connection, peer.requests[-1])

        server = _Server(("127.0.0.1", 0), Handler)
        servers.append(server)
        peer = Peer(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return peer

    yield start
    released.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def released() -> threading.Event:
    """Set at the end of the test; silent and slow peers wait for it."""
    return threading.Event()


@dataclass
class Authority:
    """A certificate authority of the test's own."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def server(self, *names: str) -> ssl.SSLContext:
        """A server's TLS context with a certificate for `names`, which can be addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        certificate = self._sign(names[0], key.public_key()).add_extension(alternatives, critical=False)
        file = self.folder / "server.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signed = certificate.sign(self.key, hashes.SHA256())
        file.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    @property
    def trust(self) -> ssl.SSLContext:
        """A client's TLS context that trusts only this authority."""
        root = self._sign("authority", self.key.public_key())
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        pem = root.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return ssl.create_default_context(cadata=pem.decode())

    def _sign(self, subject: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            issuer_name=_name("authority"),
            subject_name=_name(subject),
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=1),
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)

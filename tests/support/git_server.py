"""A git server: `git http-backend`, the real one, over bare repositories in a folder.

`GitServer` answers requests in this process, as a fake server of a World; `serving` puts it behind HTTP on a free port.
"""

import base64
import hashlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.providers.git.objects import NewObject
from chalicelib.providers.git.pack_entries import BLOB, COMMIT, TREE
from chalicelib.providers.git.packs import write_pack
from chalicelib.providers.http.outbound import Response

IDENTITY = ("-c", "user.name=Peer", "-c", "user.email=peer@example.com", "-c", "init.defaultBranch=main")


@dataclass
class GitServer:
    """Bare repositories, which are pushed to and cloned by their names."""

    root: Path
    credentials: tuple[str, str] | None = None
    """The user name and the password that it asks for; None for a server that is open to all."""
    requests: list[str] = field(default_factory=list)

    def create(self, name: str) -> Path:
        """An empty repository."""
        path = self.root / name
        git(self.root, "init", "-q", "--bare", str(path))
        git(path, "config", "http.receivepack", "true")
        return path

    def reply(self, url: str, headers: dict[str, str], body: bytes) -> Response:
        """The answer to a request; one without a body is a GET."""
        parts = urlsplit(url)
        self.requests.append(parts.path)
        lower = {name.lower(): value for name, value in headers.items()}
        if self.credentials is not None and not self._is_authorized(lower.get("authorization", "")):
            return Response(401, {"www-authenticate": "Basic"}, b"")
        return _run_backend(self.root, parts.path, parts.query, lower, body)

    def _is_authorized(self, authorization: str) -> bool:
        return authorization == f"Basic {base64.b64encode(':'.join(self.credentials or ()).encode()).decode()}"


def _run_backend(root: Path, path: str, query: str, headers: dict[str, str], body: bytes) -> Response:
    environment = {
        **os.environ,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": "POST" if body else "GET",
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_USER": "peer",
        "REMOTE_ADDR": "127.0.0.1",
    }
    run = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=environment, check=True)
    head, _, content = run.stdout.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n"))
    fields = {name.lower(): value for name, _, value in lines}
    return Response(int(fields.pop("status", "200").split()[0]), fields, content)


def crafted_object(kind: int, content: bytes) -> NewObject:
    """An object with any content, also such as git does not write."""
    name = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob"}[kind]
    return NewObject(kind, hashlib.sha1(name + b" %d\0" % len(content) + content).hexdigest(), content)


def crafted_commit(
    tree: str, author: str = "A <a@b.example>", seconds: str = "1700000000", parents: Sequence[str] = ()
) -> NewObject:
    """A commit that says this."""
    above = "".join(f"parent {parent}\n" for parent in parents)
    person = f"{author} {seconds} +0000"
    return crafted_object(COMMIT, f"tree {tree}\n{above}author {person}\ncommitter {person}\n\nmade\n".encode())


def crafted_server(tip: str, objects: Sequence[NewObject]) -> Callable[[str, dict[str, str], bytes], Response]:
    """A server whose branch main is at `tip`, and that sends these objects to everybody."""
    pack, _ = write_pack(objects)

    def reply(url: str, _headers: dict[str, str], _body: bytes) -> Response:
        if "/info/refs" in url:
            lines = _line(b"# service=git-upload-pack\n") + b"0000" + _line(f"{tip} refs/heads/main\0\n".encode())
            return Response(200, {"content-type": "application/x-git-upload-pack-advertisement"}, lines + b"0000")
        return Response(200, {"content-type": "application/x-git-upload-pack-result"}, _line(b"NAK\n") + pack.data)

    return reply


def _line(content: bytes) -> bytes:
    return b"%04x" % (len(content) + 4) + content


@cache
def _process_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="git-server-")


def process_server() -> GitServer:
    """A server whose folder lasts as long as the process, for scenes that have no folder of their own."""
    return GitServer(Path(_process_folder().name))


@contextmanager
def serving(server: GitServer) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle_any(self) -> None:
            answer = server.reply(self.path, dict(self.headers.items()), self._body())
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = handle_any  # noqa: N815 - the names are http.server's

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def git(folder: Path, *arguments: str) -> str:
    """What git prints. Raises CalledProcessError when it fails."""
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "HOME": str(folder)}
    command = ["git", *IDENTITY, *arguments]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return run.stdout


def commit_files(clone: Path, message: str, files: Mapping[str, str | None]) -> str:
    """Commit these texts by path; None deletes a file. Returns the commit."""
    for name, text in files.items():
        path = clone / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", message)
    return git(clone, "rev-parse", "HEAD").strip()

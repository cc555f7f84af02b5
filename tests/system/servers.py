"""Server processes, registered with a stack."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.system.stack import Caller, Process, line, python


@dataclass(frozen=True)
class Server:
    """A registered server and its process."""

    id: str
    process: Process


@contextmanager
def server(
    admin: Caller, mode: str, seconds: float = 0.0, slots: int = 4, capabilities: tuple[str, ...] = ()
) -> Iterator[Server]:
    """Register a server that answers `sync` or `async`; it is unregistered and killed at the end."""
    with python("tests.system.server", mode, str(seconds), "its-key") as process:
        url = line(process)
        registration = {
            "name": mode,
            "endpoints": {"predict": f"{url}/predict", "health": f"{url}/health"},
            "apiKey": "its-key",
            "maxConcurrent": slots,
            "capabilities": list(capabilities),
        }
        identifier = admin.json("POST", "/api/servers", registration)["serverId"]
        assert process.stdin is not None
        print(f"{admin.url}/api/servers/{identifier}/heartbeat", file=process.stdin, flush=True)
        yield Server(identifier, process)
        admin.json("DELETE", f"/api/servers/{identifier}")

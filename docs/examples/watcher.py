"""Prints each change of every task of an org, from a WebSocket (docs/reference/websockets.md).

It needs `pip install websockets`.

python watcher.py ws://localhost:8003/tasks/updates [token] [last sequence seen]
"""

import asyncio
import json
import random
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

HOPELESS = {401, 403, 404}
LONGEST_PAUSE = 30.0


class Watcher:
    """Prints each change once and in order, whatever happens to the connection."""

    def __init__(self, since=None):
        self.since = since  # the last sequence seen
        self.versions = {}  # task id -> its highest version seen

    def handle(self, frame):
        match frame["type"]:
            case "watching":
                self.since = frame["sequence"]
                print("watching from", self.since, file=sys.stderr, flush=True)
            case "reset":
                self.since = frame["sequence"]
                print("reset: read the tasks again, some changes are not stored any more", flush=True)
            case "task.updated" if self.since is None or frame["sequence"] > self.since:
                self.since = frame["sequence"]
                if frame["version"] > self.versions.get(frame["task_id"], 0):
                    self.versions[frame["task_id"]] = frame["version"]
                    print(json.dumps(frame), flush=True)

    async def run(self, url, token):
        headers, failures = {"Authorization": f"Bearer {token}"} if token else {}, 0
        while True:
            status, query = 0, "" if self.since is None else ("&" if "?" in url else "?") + f"since={self.since}"
            try:
                async with connect(url + query, additional_headers=headers, ping_interval=None) as socket:
                    async for text in socket:
                        failures = 0
                        self.handle(json.loads(text))
            except ConnectionClosed as ended:
                status = ended.rcvd.code - 4000 if ended.rcvd else 0
            except InvalidStatus as refused:  # AWS refuses the handshake
                status = refused.response.status_code
            except OSError:
                pass
            if status in HOPELESS:
                sys.exit(f"refused: {status}")
            if status == 400:  # a sequence of another deployment
                self.since, self.versions = None, {}
            failures += 1
            await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.5 * 2**failures)))


if __name__ == "__main__":
    url, token, since, *_ = [*sys.argv[1:], "", ""]
    asyncio.run(Watcher(int(since) if since else None).run(url, token))

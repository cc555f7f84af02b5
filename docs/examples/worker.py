"""A worker on a WebSocket (docs/reference/websockets.md). It needs `pip install websockets`.

python worker.py ws://localhost:8003/worker/3 [token]

Register it first: POST /workers {"worker_id": 3, "config": {"max_tasks": 4, "types": ["shout"]}}; the answer's
`endpoint` is the URL.
"""

import asyncio
import json
import random
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

HOPELESS = {400, 401, 403, 404}
LONGEST_PAUSE = 30.0


async def perform(task_type, data):
    """Do the work; the return value is the task's result."""
    if task_type != "shout":
        raise ValueError(f"I cannot {task_type}")
    await asyncio.sleep(data.get("seconds", 0))
    return {"text": data["text"].upper() + "!"}


class Worker:
    """Performs each attempt once, whatever happens to the connection, and repeats each report until it is confirmed."""

    def __init__(self):
        self.socket = None
        self.running = {}  # (task id, attempt) -> asyncio task
        self.reports = {}  # (task id, attempt) -> the report; confirmed old ones are dropped
        self.unconfirmed = set()

    async def handle(self, frame):
        key = frame.get("task_id"), frame.get("attempt")
        match frame["type"]:
            case "ping":
                await self.send({"type": "pong"})
            case "task" if key in self.reports:
                await self.send(self.reports[key])
            case "task" if key not in self.running:
                self.running[key] = asyncio.create_task(self.work(key, frame))
            case "cancel" if key in self.running:
                self.running.pop(key).cancel()
            case "accepted" | "rejected":
                self.unconfirmed.discard(key)
            case "error":
                print("refused:", frame["error"]["message"], file=sys.stderr)

    async def work(self, key, frame):
        about = {"task_id": key[0], "attempt": key[1]}
        try:
            report = {"type": "result", **about, "result": await perform(frame["task_type"], frame["data"])}
        except Exception as error:
            report = {"type": "error", **about, "error": str(error)}
        self.running.pop(key, None)
        self.reports[key] = report
        self.unconfirmed.add(key)
        for old in [key for key in self.reports if key not in self.unconfirmed][:-1000]:
            del self.reports[old]
        await self.send(report)

    async def send(self, frame):
        try:
            if self.socket is not None:
                await self.socket.send(json.dumps(frame))
        except ConnectionClosed:
            pass  # an unconfirmed report is sent again over the next connection

    async def run(self, url, token):
        headers, failures = {"Authorization": f"Bearer {token}"} if token else {}, 0
        while True:
            status = 0
            try:
                async with connect(url, additional_headers=headers, ping_interval=None) as self.socket:
                    for key in list(self.unconfirmed):
                        await self.send(self.reports[key])
                    async for text in self.socket:
                        failures = 0
                        await self.handle(json.loads(text))
            except ConnectionClosed as ended:
                status = ended.rcvd.code - 4000 if ended.rcvd else 0
            except InvalidStatus as refused:  # AWS refuses the handshake
                status = refused.response.status_code
            except OSError:
                pass
            if status in HOPELESS:
                sys.exit(f"refused: {status}")
            failures += 1
            await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.5 * 2**failures)))


if __name__ == "__main__":
    asyncio.run(Worker().run(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))

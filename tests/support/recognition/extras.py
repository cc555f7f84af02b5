"""Skip tests whose libraries are an extra that is not installed."""

import pytest

REASON = "the extra of requirements-recognition.txt is not installed"


def require(*modules: str) -> None:
    """Skip the calling test module unless all of these can be imported."""
    for module in modules:
        pytest.importorskip(module, reason=REASON)

"""Extras in tests: a test whose extra is not installed is skipped, and says so."""

import pytest

from chalicelib.providers.extras import EXTRAS


def require_extra(name: str) -> None:
    """Skip the calling module unless the packages of the extra are installed."""
    for package in EXTRAS[name].modules:
        pytest.importorskip(package, reason=f"the extra '{name}' is not installed: make test installs it")

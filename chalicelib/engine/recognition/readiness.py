"""Which recognisers work now. Anybody may ask, so that the answers are remembered for a while."""

import threading

from chalicelib import clock
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.providers.recognition import service
from chalicelib.providers.recognition.recognizer import CAPABILITIES, Capability

_ready = TtlCache[Capability, bool](5 * clock.MINUTE)
_unready = TtlCache[Capability, bool](10 * clock.SECOND)
_trying = threading.Lock()


def ready_capabilities() -> frozenset[Capability]:
    """The capabilities whose engines load and recognise a built-in sample. The first call loads them all; another one
    meanwhile does not wait, and has those that are known by then."""
    if _trying.acquire(blocking=False):
        try:
            _try_all()
        finally:
            _trying.release()
    return frozenset(capability for capability in CAPABILITIES if _ready.get(capability))


def _try_all() -> None:
    for capability in CAPABILITIES:
        if not _ready.get(capability) and _unready.get(capability) is None:
            is_ready = service.is_ready(capability)
            (_ready if is_ready else _unready).put(capability, is_ready)

"""Which recognisers work: determined once, cached, and never by two callers at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

from chalicelib.engine.recognition.readiness import ready_capabilities
from chalicelib.providers.recognition import service
from chalicelib.providers.recognition.recognizer import CAPABILITIES, Capability
from tests.support.recognition.fake_engine import FakeEngine
from tests.support.world import World

PATIENCE = 30.0


class Slow(FakeEngine):
    """A recogniser that finishes loading when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.checked: list[Capability] = []
        self.begun, self.may_end = threading.Event(), threading.Event()

    def is_ready(self, capability: Capability) -> bool:
        self.checked.append(capability)
        self.begun.set()
        return self.may_end.wait(PATIENCE)


def test_who_asks_while_engines_load_does_not_wait_and_nothing_is_loaded_twice(world: World) -> None:
    engine = Slow()
    service.use(engine)
    with ThreadPoolExecutor(1) as first:
        loading = first.submit(ready_capabilities)
        assert engine.begun.wait(PATIENCE)
        assert ready_capabilities() == frozenset()
        engine.may_end.set()
        assert loading.result(PATIENCE) == frozenset(CAPABILITIES)
    assert ready_capabilities() == frozenset(CAPABILITIES)
    assert engine.checked == list(CAPABILITIES)

"""The bundled model of the local stack: requests are passed on, and it is started by the first request and after each
death."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from chalicelib import config
from chalicelib.domain.models.catalogue import parse_catalogue
from chalicelib.domain.models.chat import (
    ChatRequest,
    CredentialRefused,
    Delta,
    Done,
    Event,
    Message,
    ProviderBusy,
    ProviderFailed,
    RequestRefused,
)
from chalicelib.providers import extras
from chalicelib.providers.extras import Extra, ExtraState, Phase
from chalicelib.providers.models import openai
from chalicelib.providers.models.streaming import Endpoint
from infra.local.bundled_model import EXTRA, MODEL, BundledModel
from infra.local.gateway.server import Servers, listen
from tests.support.model_servers import Mode

COMMAND = (sys.executable, "-m", "tests.support.fake_model_process")
REQUEST = ChatRequest(model="m", messages=(Message("user", "one two three"),), max_tokens=10)


class Fixed:
    """A source with one state for every extra."""

    def __init__(self, phase: Phase = "ready") -> None:
        self.phase: Phase = phase

    def state(self, extra: Extra) -> ExtraState:
        return ExtraState(self.phase)


@pytest.fixture
def source() -> Iterator[Fixed]:
    fixed = Fixed()
    before = extras.use(fixed)
    yield fixed
    extras.use(before)


class Served:
    """The app on a port, and a client of it."""

    def __init__(self, app: BundledModel, url: str) -> None:
        self.app, self.url = app, url
        [self.provider] = parse_catalogue(app.setting(url))

    def events(self, **more: Any) -> Iterator[Event]:
        said = {"url": self.provider.url, "key": self.provider.key, "idle_seconds": 20, "total_seconds": 60}
        return openai.stream(Endpoint(**(said | more)), REQUEST)

    @property
    def pid(self) -> int:
        assert self.app._process is not None
        return self.app._process.pid

    def kill(self) -> None:
        """Kill the model's server, and wait until it is dead."""
        assert self.app._process is not None
        os.kill(self.pid, signal.SIGKILL)
        self.app._process.wait()


@contextmanager
def serving(app: BundledModel) -> Iterator[Served]:
    before = config.replace(stage=config.LOCAL, allow_loopback=True)
    socket = listen(0)
    servers, ready = Servers([(socket, app)]), threading.Event()
    thread = threading.Thread(target=servers.run, args=(ready.set,))
    thread.start()
    try:
        assert ready.wait(20)
        yield Served(app, f"http://127.0.0.1:{socket.getsockname()[1]}")
    finally:
        app.stop()
        if app._process is not None:
            app._process.communicate()
        servers.stop()
        thread.join()
        config.restore(before)


@pytest.fixture
def served(source: Fixed) -> Iterator[Served]:
    with serving(BundledModel(COMMAND)) as found:
        yield found


def test_the_first_request_starts_the_server_and_the_next_ones_use_it(served: Served) -> None:
    assert served.app._process is None
    expected = [Delta("one "), Delta("two "), Delta("three "), Done("stop", 3, 3)]
    assert list(served.events()) == expected
    pid = served.pid
    assert list(served.events()) == expected
    assert served.pid == pid


def test_a_server_that_was_killed_is_started_again(served: Served) -> None:
    list(served.events())
    pid = served.pid
    served.kill()
    assert list(served.events())[-1] == Done("stop", 3, 3)
    assert served.pid != pid


def test_a_server_that_dies_midway_breaks_the_answer_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODEL_MODE", "hang")
    events = served.events()
    assert next(events) == Delta("one ")
    served.kill()
    with pytest.raises(ProviderFailed):
        list(events)


def test_a_client_that_leaves_ends_the_work(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODEL_MODE", "flood")
    events = served.events()
    assert next(events) == Delta("one ")
    events.close()  # type: ignore[attr-defined]
    other = served.events()
    assert next(other) == Delta("one "), "the app answers others meanwhile and afterwards"
    other.close()  # type: ignore[attr-defined]


def test_pieces_are_passed_on_as_they_come(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODEL_MODE", "hang")
    events = served.events(idle_seconds=1)
    assert next(events) == Delta("one ")
    with pytest.raises(ProviderFailed, match="timed out"):
        next(events)


@pytest.mark.parametrize("mode", ["broken", "rate limited"])
def test_an_error_of_the_server_is_passed_on(mode: Mode, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODEL_MODE", mode)
    with pytest.raises(ProviderFailed if mode == "broken" else ProviderBusy):
        list(served.events())


def test_nobody_else_on_this_machine_can_use_it(served: Served) -> None:
    with pytest.raises(CredentialRefused):
        list(served.events(key="another"))
    assert served.app._process is None, "nothing is started for them"


def test_there_is_one_endpoint(served: Served) -> None:
    with pytest.raises(RequestRefused, match="there is only POST /v1/chat/completions"):
        list(served.events(url=served.url + "/v2"))
    assert requests.get(served.url, timeout=20).status_code == 404


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    headers = {"authorization": f"Bearer {served.provider.key}"}
    url = f"{served.url}/v1/chat/completions"
    assert requests.post(url, b"x" * (4 * 1024 * 1024 + 1), headers=headers, timeout=20).status_code == 413


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("installing", "the model is being installed"),
        ("failed", "the model is not installed: failed"),
        ("off", "the model is not installed: off"),
    ],
)
def test_before_it_is_installed_it_says_so(phase: Phase, words: str, source: Fixed, served: Served) -> None:
    source.phase = phase
    with pytest.raises(ProviderBusy, match=words) as caught:
        list(served.events())
    assert caught.value.rest_ms == 5000


def test_a_server_that_does_not_start_is_an_answer(source: Fixed) -> None:
    with serving(BundledModel((sys.executable, "-c", "pass"))) as served, pytest.raises(ProviderBusy, match="did not"):
        list(served.events())


def test_nothing_is_started_after_the_end(served: Served) -> None:
    served.app.stop()
    with pytest.raises(ProviderBusy, match="the stack is ending"):
        list(served.events())


IS_INSTALLED = extras.is_importable(extras.EXTRAS[EXTRA])


@pytest.mark.system
@pytest.mark.skipif(not IS_INSTALLED, reason="the extra 'model' is not installed: run make test, or MODEL=on make run")
def test_the_model_itself_writes_counts_and_comes_back_after_a_death(source: Fixed) -> None:
    request = ChatRequest(model="m", messages=(Message("user", "What is a queue?"),), max_tokens=12, temperature=0.0)
    with serving(BundledModel()) as served:
        texts = []
        for _ in range(2):
            endpoint = Endpoint(served.provider.url, served.provider.key, idle_seconds=120, total_seconds=240)
            *deltas, done = openai.stream(endpoint, request)
            assert done[1:] == (35, 12), "tokens in and out"
            texts.append("".join(delta.text for delta in deltas if isinstance(delta, Delta)))
            served.kill()
        assert texts[0] == texts[1]
        assert "queue" in texts[0].lower()


def test_the_catalogue_says_that_it_is_a_demonstration() -> None:
    [provider] = json.loads(BundledModel().setting("http://127.0.0.1:1"))
    assert "demonstration" in MODEL["name"] and "demonstration" in MODEL["description"]  # type: ignore[operator]
    assert (provider["extra"], provider["concurrency"]) == (EXTRA, 1)

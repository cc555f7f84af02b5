"""One engine in front of its process: loaded once, retried, and given up if the file is at fault."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib import config
from chalicelib.errors import NotConfigured, Unavailable
from chalicelib.providers import extras
from chalicelib.providers.extras import Extra, ExtraState
from chalicelib.providers.recognition import samples, service
from chalicelib.providers.recognition.jobs import File, Job
from chalicelib.providers.recognition.recognizer import CAPABILITIES, NotInstalled, UnreadableInput
from chalicelib.providers.recognition.service import EngineInProcess
from tests.support.recognition.fake_engine import FakeEngine
from tests.support.recognition.scripted_recognizer import BROKEN_SAMPLE, FACTORY, UNABLE_FACTORY


@pytest.fixture
def engine() -> Iterator[EngineInProcess]:
    made = EngineInProcess(FACTORY)
    yield made
    made.stop()


def read(engine: EngineInProcess, what: str, org: str | None = "acme") -> str:
    answer = engine.run(Job("ocr", (File("image", what.encode()),)), org)
    return str(answer.text)  # type: ignore[union-attr]


def test_twenty_at_once_each_get_their_own_answer(engine: EngineInProcess) -> None:
    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda number: read(engine, f"text-{number}"), range(20)))
    assert answers == [f"text-{number}" for number in range(20)]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_file_that_crashes_its_decoder_is_at_fault_and_the_next_is_read(
    engine: EngineInProcess, number: signal.Signals
) -> None:
    with pytest.raises(UnreadableInput, match="cannot be decoded"):
        read(engine, f"signal {int(number)}")
    assert read(engine, "next") == "next"


def test_one_that_is_killed_from_outside_is_tried_again(engine: EngineInProcess, tmp_path: Path) -> None:
    assert read(engine, f"once {tmp_path / 'marker'}") == "survived"


def test_one_that_is_killed_again_can_be_tried_later(engine: EngineInProcess) -> None:
    with pytest.raises(Unavailable, match="ended twice") as raised:
        read(engine, f"signal {int(signal.SIGKILL)}")
    assert raised.value.retry_after == 5
    assert read(engine, "next") == "next"


def test_a_file_that_takes_too_much_cpu_time_is_at_fault(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(service.CPU_SECONDS, "ocr", 0)
    with pytest.raises(UnreadableInput, match="takes too long"):
        read(engine, "spin")
    assert read(engine, "next") == "next"


def test_others_wait_while_one_ends_the_process_and_all_are_answered(engine: EngineInProcess) -> None:
    def call(number: int) -> str:
        try:
            return read(engine, "signal 11" if number == 3 else f"text-{number}")
        except UnreadableInput as error:
            return error.message

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(call, range(8)))
    assert answers == [f"text-{number}" if number != 3 else "The file cannot be decoded" for number in range(8)]


def test_a_capability_is_ready_once_it_has_recognised_its_sample(engine: EngineInProcess) -> None:
    assert {capability: engine.is_ready(capability) for capability in CAPABILITIES} == dict.fromkeys(CAPABILITIES, True)


def test_one_that_does_not_recognise_its_sample_is_not_used(
    engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "TEXT", "SOMETHING ELSE")
    assert not engine.is_ready("ocr")
    with pytest.raises(Unavailable, match="does not recognise its own sample"):
        read(engine, "hello")
    assert engine.is_ready("detect")


@pytest.mark.parametrize("fault", ["raise a defect", "signal 11", "signal 4", "memory now"])
def test_a_file_is_not_at_fault_for_an_engine_that_fails_on_its_own_sample(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BROKEN_SAMPLE, fault)
    engine = EngineInProcess(UNABLE_FACTORY)
    try:
        assert not engine.is_ready("ocr")
        with pytest.raises(Unavailable):
            read(engine, "hello")
    finally:
        engine.stop()


def test_work_that_nobody_waits_for_has_more_time(engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ANSWER_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="did not answer in time"):
        read(engine, "sleep 60")
    assert read(engine, "hello", org=None) == "hello"


def test_one_that_cannot_be_started_is_not_ready_and_says_so() -> None:
    engine = EngineInProcess("tests.support.recognition:nothing")
    assert not engine.is_ready("ocr")
    with pytest.raises(Unavailable):
        read(engine, "hello")


def test_missing_libraries_are_reported(engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(engine, "hello") == "hello"
    with pytest.raises(NotInstalled, match="Recognition needs cv2"):
        read(engine, "missing cv2")


def test_work_that_nobody_waits_for_is_answered_too(engine: EngineInProcess) -> None:
    assert read(engine, "hello", org=None) == "hello"


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (ExtraState("installing"), Unavailable, "being installed"),
        (ExtraState("missing"), NotConfigured, "not installed"),
        (ExtraState("failed", "no network"), NotConfigured, "no network"),
    ],
)
def test_while_its_packages_are_not_there_nothing_is_started(
    state: ExtraState, error: type[Unavailable], message: str
) -> None:
    class Source:
        def state(self, extra: Extra) -> ExtraState:
            return state

    before, engine = extras.use(Source()), EngineInProcess(FACTORY, "recognition")
    try:
        with pytest.raises(error, match=message) as raised:
            read(engine, "hello")
        assert (raised.value.retry_after is not None) is (state.phase == "installing")
        assert not engine.is_ready("ocr")
        assert engine._process.pid is None
    finally:
        extras.use(before)


def test_an_engine_at_aws_needs_no_packages_of_engines() -> None:
    class Source:
        def state(self, extra: Extra) -> ExtraState:
            return ExtraState("missing")

    before, engine = extras.use(Source()), EngineInProcess(FACTORY, "recognition")
    settings = config.replace(recognition_engines={"ocr": "aws"})
    try:
        assert read(engine, "hello") == "hello"
        assert engine.is_ready("ocr")
        assert not engine.is_ready("transcribe")
    finally:
        engine.stop()
        config.restore(settings)
        extras.use(before)


def test_recognition_that_is_off_answers_nothing_and_starts_nothing() -> None:
    before, engine = config.replace(recognition="off"), FakeEngine()
    previous = service.use(engine)
    try:
        with pytest.raises(NotConfigured, match="RECOGNITION"):
            service.recognize(samples.job("ocr"), "acme")
        assert not service.is_ready("ocr")
        assert engine.jobs == []
    finally:
        service.use(previous)
        config.restore(before)


def test_the_engine_of_a_process_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engines: list[tuple[str, str]] = []

    class Counted(FakeEngine):
        def __init__(self, factory: str, extra: str) -> None:
            engines.append((factory, extra))
            super().__init__()

    monkeypatch.setattr(service, "EngineInProcess", Counted)
    previous = service.use(None)
    try:
        with ThreadPoolExecutor(8) as callers:
            assert all(callers.map(service.is_ready, ["ocr"] * 8))
        assert engines == [(service.FACTORY, service.EXTRA)]
    finally:
        service.use(previous)


def test_a_killed_process_is_no_zombie(engine: EngineInProcess) -> None:
    read(engine, "hello")
    pid = int(read(engine, "pid"))
    engine.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

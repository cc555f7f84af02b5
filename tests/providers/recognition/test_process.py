"""The recogniser's process: it is replaced when it dies, and only one job gets the error."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from chalicelib.errors import TooLarge, Unavailable
from chalicelib.providers.recognition import child
from chalicelib.providers.recognition.jobs import File, Job
from chalicelib.providers.recognition.process import Died, RecognitionProcess
from chalicelib.providers.recognition.recognizer import NotInstalled, UnknownLabel, UnreadableInput
from tests.support.recognition.scripted_recognizer import FACTORY, GROWN_BYTES

PATIENCE = 30.0


@pytest.fixture(scope="module")
def process() -> Iterator[RecognitionProcess]:
    made = RecognitionProcess(FACTORY)
    yield made
    made.stop()


def run(process: RecognitionProcess, what: str | bytes, cpu_seconds: int = 0, seconds: float = PATIENCE) -> str:
    process.start()
    content = what.encode() if isinstance(what, str) else what
    answer = process.run(Job("ocr", (File("image", content),)), cpu_seconds, seconds)
    return str(answer.text)  # type: ignore[union-attr]


def test_it_is_started_once_and_answers_one_job_after_another(process: RecognitionProcess) -> None:
    pids = {run(process, "pid") for _ in range(5)}
    assert pids == {str(process.pid)} != {str(os.getpid())}
    assert process.start() is False


def test_what_libraries_print_is_no_answer(process: RecognitionProcess) -> None:
    assert run(process, "print \0\0\0\1{}") == "printed"
    assert run(process, "next") == "next"


def test_large_files_pass(process: RecognitionProcess) -> None:
    text = run(process, "x" * 1_500_000)
    assert len(text) == 1_500_000


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGKILL, signal.SIGTERM])
def test_a_death_is_reported_with_its_signal_and_the_next_job_has_another_process(
    process: RecognitionProcess, number: signal.Signals
) -> None:
    before = run(process, "pid")
    with pytest.raises(Died) as died:
        run(process, f"signal {int(number)}")
    assert died.value.signal == number
    assert died.value.is_crash is (number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS))
    assert process.pid is None
    assert run(process, "pid") not in (before, "")


def test_one_that_exits_died_of_no_signal(process: RecognitionProcess) -> None:
    with pytest.raises(Died) as died:
        run(process, "exit 0")
    assert died.value.signal == 0


def test_one_that_died_between_two_jobs_is_replaced(process: RecognitionProcess) -> None:
    run(process, "hello")
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # it may have been waited for already
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert process.start() is True
    assert run(process, "hello") == "hello"


def test_too_much_cpu_time_ends_it(process: RecognitionProcess) -> None:
    with pytest.raises(Died) as died:
        run(process, "spin", cpu_seconds=1)
    assert died.value.signal == signal.SIGXCPU


def test_the_cpu_time_of_earlier_jobs_does_not_count(process: RecognitionProcess) -> None:
    for _ in range(3):
        run(process, "hello", cpu_seconds=1)
    assert run(process, "hello", cpu_seconds=1) == "hello"


def test_one_that_does_not_answer_is_ended_and_the_caller_can_try_again(process: RecognitionProcess) -> None:
    with pytest.raises(Unavailable, match="did not answer in time") as raised:
        run(process, "sleep 60", seconds=0.1)
    assert raised.value.retry_after == 1
    assert process.pid is None


def test_one_that_was_stopped_takes_no_job_and_is_ended(
    process: RecognitionProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.providers.recognition.process.SEND_SECONDS", 0.1)
    run(process, "hello")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(Unavailable):
        run(process, "x" * 3_000_000)
    assert process.pid is None


def test_an_error_inside_the_process_is_reported_and_ends_nothing(process: RecognitionProcess) -> None:
    before = run(process, "pid")
    with pytest.raises(UnreadableInput, match=child.CANNOT_BE_PROCESSED) as refused:
        run(process, "raise secret of the inside")
    assert "secret" not in refused.value.message
    with pytest.raises(TooLarge, match="more memory"):
        run(process, "memory")
    with pytest.raises(NotInstalled, match="needs cv2"):
        run(process, "missing cv2")
    with pytest.raises(UnknownLabel) as unknown:
        process.run(Job("detect", (File("image", b"x"),), "unheard of"), 0, PATIENCE)
    assert unknown.value.near == ("cat",)
    assert run(process, "pid") == before


def test_more_memory_than_a_file_may_take_is_refused(process: RecognitionProcess) -> None:
    before = run(process, "pid")
    with pytest.raises(TooLarge, match="more memory"):
        run(process, f"allocate {child.MAX_MEMORY_BYTES}")
    assert run(process, f"allocate {child.MAX_MEMORY_BYTES // 2}") == str(child.MAX_MEMORY_BYTES // 2)
    assert run(process, "pid") == before


def test_an_answer_without_end_is_not_read(process: RecognitionProcess) -> None:
    with pytest.raises(UnreadableInput, match="too much"):
        run(process, "chatter")
    assert run(process, "hello") == "hello"


def test_one_that_has_grown_is_replaced_after_its_answer() -> None:
    process = RecognitionProcess(FACTORY, max_resident_bytes=GROWN_BYTES)
    try:
        before = run(process, "pid")
        assert run(process, "grow") == "grown"
        assert process.pid is None
        assert run(process, "pid") != before
    finally:
        process.stop()


def test_a_factory_that_does_not_exist_is_a_death() -> None:
    process = RecognitionProcess("tests.support.recognition:nothing")
    with pytest.raises(Died):
        process.start()


def test_it_ends_with_its_parent(process: RecognitionProcess) -> None:
    run(process, "hello")
    assert process._process is not None and process._process.stdin is not None
    process._process.stdin.close()
    assert process._process.wait(PATIENCE) == 0

"""Chunks: the first is sent at once, later text is collected, and none is lost."""

import asyncio

from code_worker.chunks import MAX_CHARACTERS, ChunkBuffer
from hypothesis import given
from hypothesis import strategies as st

FOR_EVER = 10_000.0


def test_the_first_piece_goes_out_at_once_and_the_next_ones_together() -> None:
    async def run() -> list[str]:
        passed: list[str] = []
        buffer = ChunkBuffer(passed.append, FOR_EVER)
        for text in ("a", "", "b", "c"):
            buffer.add(text)
        assert passed == ["a"]
        buffer.flush()
        buffer.flush()
        return passed

    assert asyncio.run(run()) == ["a", "bc"]


def test_what_is_held_goes_out_when_the_interval_has_passed() -> None:
    async def run() -> None:
        passed: asyncio.Queue[str] = asyncio.Queue()
        buffer = ChunkBuffer(passed.put_nowait, 0.001)
        buffer.add("a")
        buffer.add("b")
        assert [await passed.get(), await passed.get()] == ["a", "b"]
        buffer.stop()

    asyncio.run(run())


def test_a_buffer_that_was_stopped_passes_nothing_on() -> None:
    async def run() -> None:
        passed: list[str] = []
        buffer = ChunkBuffer(passed.append, 0)
        buffer.add("a")
        buffer.add("b")
        buffer.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert passed == ["a"]

    asyncio.run(run())


@given(st.lists(st.text(max_size=3 * MAX_CHARACTERS), max_size=4))
def test_nothing_is_lost_and_no_chunk_is_too_long(texts: list[str]) -> None:
    async def run() -> list[str]:
        passed: list[str] = []
        buffer = ChunkBuffer(passed.append, FOR_EVER)
        for text in texts:
            buffer.add(text)
        buffer.flush()
        return passed

    passed = asyncio.run(run())
    assert "".join(passed) == "".join(texts) and all(0 < len(text) <= MAX_CHARACTERS for text in passed)

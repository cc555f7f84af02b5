"""The fields of a piece of a task's output, as workers send it: over a WebSocket and over HTTP."""

from pydantic import Field

from chalicelib.domain.chunks.chunk import MAX_SEQ, MAX_TEXT_CHARS, Chunk
from chalicelib.edge import Schema


class ChunkFields(Schema):
    """One piece of a task's output."""

    seq: int = Field(
        ge=1, le=MAX_SEQ, strict=True, description="The piece's number within the attempt, from 1.", examples=[1]
    )
    text: str = Field(max_length=MAX_TEXT_CHARS, examples=["def fizzbuzz(n):\n"])
    progress: float | None = Field(
        default=None, ge=0, le=100, strict=True, description="Percent of the whole task.", examples=[10]
    )

    @property
    def chunk(self) -> Chunk:
        """The piece as the engine takes it."""
        return Chunk(self.seq, self.text, self.progress)

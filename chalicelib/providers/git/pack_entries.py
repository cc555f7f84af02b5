"""Read one object from a pack, by its place there."""

import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from chalicelib.providers.git.errors import InvalidGitData

COMMIT, TREE, BLOB, TAG = 1, 2, 3, 4
OFFSET_DELTA, REFERENCE_DELTA = 6, 7
DELTAS = frozenset({OFFSET_DELTA, REFERENCE_DELTA})
MAX_HEADER_BYTES = 64
MAX_OBJECT_BYTES = 50_000_000
"""No larger object is inflated."""
MAX_DELTA_CHAIN = 4_096
CHUNK_BYTES = 65_536

ReadBytes = Callable[[int, int], bytes]
"""Reads `length` bytes from `start` on; fewer at the end."""
FindObject = Callable[[str], int]
"""The place of an object in the same pack. Raises KeyError."""


class StoredObject(NamedTuple):
    """An object's type and content."""

    kind: int
    content: bytes


class EntryHeader(NamedTuple):
    """How an entry begins. `size` is that of its inflated data; a delta names its base."""

    kind: int
    size: int
    base: int | str | None
    length: int


class Resolved(Protocol):
    """Trees and commits of a pack that were read before, by their places: many deltas have the same bases."""

    def get(self, offset: int) -> StoredObject | None: ...

    def put(self, offset: int, found: StoredObject) -> None: ...


class NothingResolved:
    """Remembers nothing."""

    def get(self, _: int) -> StoredObject | None:
        return None

    def put(self, _: int, __: StoredObject) -> None: ...


def read_object(
    read: ReadBytes,
    offset: int,
    find: FindObject,
    resolved: Resolved = NothingResolved(),  # noqa: B008 - it holds nothing
) -> StoredObject:
    """The object at this place of a pack; a delta is applied to its base. Raises InvalidGitData."""
    deltas: list[tuple[int, bytes]] = []
    while (stored := resolved.get(offset)) is None:
        header = read_header(read(offset, MAX_HEADER_BYTES), offset)
        content = _inflate(read, offset + header.length, header.size)
        if header.kind not in DELTAS:
            stored = _remember(resolved, offset, StoredObject(header.kind, content))
            break
        deltas.append((offset, content))
        if len(deltas) > MAX_DELTA_CHAIN:
            raise InvalidGitData("a chain of deltas is too long")
        offset = header.base if isinstance(header.base, int) else find(header.base or "")
    for place, delta in reversed(deltas):
        stored = _remember(resolved, place, StoredObject(stored.kind, _apply(stored.content, delta)))
    return stored


def _remember(resolved: Resolved, offset: int, stored: StoredObject) -> StoredObject:
    if stored.kind != BLOB:
        resolved.put(offset, stored)
    return stored


def read_header(raw: bytes, offset: int) -> EntryHeader:
    """Parse the beginning of the entry at `offset`. Raises InvalidGitData."""
    try:
        return _parse_header(raw, offset)
    except IndexError:
        raise InvalidGitData("the pack ends within an entry") from None


def _parse_header(raw: bytes, offset: int) -> EntryHeader:
    position, shift = 1, 4
    kind, size = (raw[0] >> 4) & 7, raw[0] & 15
    while raw[position - 1] & 0x80:
        size |= (raw[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
    base: int | str | None = None
    if kind == OFFSET_DELTA:
        distance, position = _parse_distance(raw, position)
        base = offset - distance
    elif kind == REFERENCE_DELTA:
        base, position = raw[position : position + 20].hex(), position + 20
    elif kind not in (COMMIT, TREE, BLOB, TAG):
        raise InvalidGitData("the pack has an entry of an unknown type")
    if size > MAX_OBJECT_BYTES or (isinstance(base, int) and not 0 < base < offset):
        raise InvalidGitData("the pack has an object that is too large, or a delta without a base")
    return EntryHeader(kind, size, base, position)


def _parse_distance(raw: bytes, position: int) -> tuple[int, int]:
    distance = raw[position] & 0x7F
    while raw[position] & 0x80:
        position += 1
        distance = ((distance + 1) << 7) | (raw[position] & 0x7F)
    return distance, position + 1


def _inflate(read: ReadBytes, start: int, size: int) -> bytes:
    inflater = zlib.decompressobj()
    parts, missing = [], size
    try:
        while not inflater.eof:
            raw = inflater.unconsumed_tail or read(start, CHUNK_BYTES)
            if not raw:
                raise InvalidGitData("the pack ends within an entry")
            start += 0 if inflater.unconsumed_tail else len(raw)
            part = inflater.decompress(raw, missing + 1)
            missing -= len(part)
            if missing < 0:
                break
            parts.append(part)
    except zlib.error:
        raise InvalidGitData("the pack has an entry that cannot be inflated") from None
    if missing:
        raise InvalidGitData("the pack has an entry of another size than it says")
    return b"".join(parts)


def _apply(base: bytes, delta: bytes) -> bytes:
    from dulwich.errors import ApplyDeltaError
    from dulwich.pack import apply_delta

    try:
        if target_size(delta) > MAX_OBJECT_BYTES:
            raise InvalidGitData("the pack has an object that is too large")
        return b"".join(apply_delta(base, delta))
    except (ApplyDeltaError, ValueError, IndexError):
        raise InvalidGitData("the pack has a delta that cannot be applied") from None


def target_size(delta: bytes) -> int:
    """The size of what a delta makes of its base. Raises IndexError for a delta that ends before it."""
    position, size = 0, 0
    for _ in range(2):  # the base's size, then the result's
        shift, size = 0, 0
        while True:
            byte = delta[position]
            position, size, shift = position + 1, size | (byte & 0x7F) << shift, shift + 7
            if not byte & 0x80:
                break
    return size

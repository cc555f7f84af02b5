"""Packs: make one of new objects, check and index one that was received, and put several together.

A pack is stored as git's own file, with its index (version 2) behind it. Packs here hold all bases of their deltas.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.providers.git.errors import InvalidGitData
from chalicelib.providers.git.objects import NewObject
from chalicelib.providers.git.pack_entries import COMMIT, DELTAS, MAX_OBJECT_BYTES, read_header, target_size

if TYPE_CHECKING:
    from dulwich.pack import UnpackedObject

HEADER_BYTES, CHECKSUM_BYTES = 12, 20
MAX_OBJECTS = 100_000
MAX_INFLATED_BYTES = 500_000_000
"""Of all objects of a received pack together."""
_FANOUT_AT, _NAMES_AT = 8, 8 + 256 * 4


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack and its index. Its name is a digest of its content."""

    name: str
    data: bytes
    index: bytes


class PackedObject(NamedTuple):
    """An object of a received pack. Of a commit, `content` is there, too."""

    kind: int
    size: int
    offset: int
    content: bytes | None


def write_pack(objects: Iterable[NewObject]) -> tuple[Pack, dict[str, int]]:
    """A pack of whole objects, and the place of each."""
    from dulwich.object_format import DEFAULT_OBJECT_FORMAT
    from dulwich.pack import UnpackedObject, write_pack_data

    whole = [
        UnpackedObject(one.kind, sha=bytes.fromhex(one.sha), decomp_chunks=[one.content], decomp_len=len(one.content))
        for one in objects
    ]
    data = BytesIO()
    entries, checksum = write_pack_data(data.write, iter(whole), DEFAULT_OBJECT_FORMAT, num_records=len(whole))
    rows = [(name, offset, crc) for name, (offset, crc) in entries.items()]
    return _named(data.getvalue(), _write_index(rows, checksum)), {name.hex(): place for name, place, _ in rows}


def index_received_pack(data: bytes) -> tuple[Pack, dict[str, PackedObject]]:
    """The pack with its index, and its objects by id. Raises InvalidGitData for one that is not whole, not git's, or
    inflates to more than is allowed."""
    _check_entries(data)
    objects_by_sha: dict[str, PackedObject] = {}
    rows: list[tuple[bytes, int, int | None]] = []
    try:
        for unpacked in _unpack(data):
            name, chunks = unpacked.sha(), unpacked.obj_chunks or []
            assert unpacked.offset is not None and unpacked.obj_type_num is not None
            content = b"".join(chunks) if unpacked.obj_type_num == COMMIT else None
            packed = PackedObject(unpacked.obj_type_num, sum(map(len, chunks)), unpacked.offset, content)
            objects_by_sha.setdefault(name.hex(), packed)
            rows.append((name, unpacked.offset, unpacked.crc32))
    except Exception as error:  # dulwich has many ways to say that data is not what it should be
        raise InvalidGitData("the pack cannot be read") from error
    return _named(data, _write_index(rows, data[-CHECKSUM_BYTES:])), objects_by_sha


def _unpack(data: bytes) -> Iterator["UnpackedObject"]:
    from dulwich.object_format import DEFAULT_OBJECT_FORMAT
    from dulwich.pack import PackData, UnpackedObjectIterator

    class Inspector(UnpackedObjectIterator):
        _compute_crc32 = True

    with PackData("received", DEFAULT_OBJECT_FORMAT, file=BytesIO(data)) as received:
        yield from Inspector.for_pack_data(received)


def _check_entries(data: bytes) -> None:
    """Walk through the entries and inflate each within its declared size. Raises InvalidGitData.

    dulwich would inflate whatever comes.
    """
    end = len(data) - CHECKSUM_BYTES
    if end < HEADER_BYTES or data[:4] != b"PACK" or struct.unpack(">L", data[4:8])[0] not in (2, 3):
        raise InvalidGitData("what was received is no pack")
    if hashlib.sha1(memoryview(data)[:end], usedforsecurity=False).digest() != data[end:]:
        raise InvalidGitData("the pack's checksum is wrong")
    (count,) = struct.unpack(">L", data[8:12])
    if count > MAX_OBJECTS:
        raise InvalidGitData(f"the pack has {count} objects; at most {MAX_OBJECTS} are accepted")
    position, inflated = HEADER_BYTES, 0
    for _ in range(count):
        position, size = _check_entry(data, position, end)
        inflated += size
        if inflated > MAX_INFLATED_BYTES:
            raise InvalidGitData("the pack's objects are too large together")
    if position != end:
        raise InvalidGitData("the pack has more in it than its objects")


def _check_entry(data: bytes, offset: int, end: int) -> tuple[int, int]:
    """Where the entry at `offset` ends, and the size of its object."""
    import zlib

    header = read_header(data[offset : min(offset + 64, end)], offset)
    inflater = zlib.decompressobj()
    # Deflated data is hardly larger than what it holds.
    view = memoryview(data)[offset + header.length : min(end, offset + header.length + header.size * 2 + 1024)]
    try:
        content = inflater.decompress(view, header.size + 1)
        if not inflater.eof and len(content) == header.size:
            inflater.decompress(inflater.unconsumed_tail, 1)
    except zlib.error:
        raise InvalidGitData("the pack has an entry that cannot be inflated") from None
    if not inflater.eof or len(content) != header.size:
        raise InvalidGitData("the pack has an entry of another size than it says")
    size = header.size if header.kind not in DELTAS else _delta_result(content)
    if size > MAX_OBJECT_BYTES:
        raise InvalidGitData("the pack has an object that is too large")
    return offset + header.length + len(view) - len(inflater.unused_data), size


def _delta_result(delta: bytes) -> int:
    try:
        return target_size(delta)
    except IndexError:
        raise InvalidGitData("the pack has a delta that is cut off") from None


def join_packs(packs: Sequence[Pack]) -> tuple[Pack, list[int]]:
    """One pack with the objects of several, and by how much the places of each one's objects move.

    The entries are copied as they are: a delta names its base by the distance, which stays the same.
    """
    count = sum(_count(pack.data) for pack in packs)
    parts, shifts, position = [b"PACK" + struct.pack(">LL", 2, count)], [], HEADER_BYTES
    rows: dict[bytes, tuple[int, int | None]] = {}
    for pack in packs:
        body = pack.data[HEADER_BYTES:-CHECKSUM_BYTES]
        shift = position - HEADER_BYTES
        for name, offset, crc in _index_rows(pack.index):
            rows.setdefault(name, (offset + shift, crc))
        parts.append(body)
        shifts.append(shift)
        position += len(body)
    body = b"".join(parts)
    checksum = hashlib.sha1(body, usedforsecurity=False).digest()
    index = _write_index([(name, *place) for name, place in rows.items()], checksum)
    return _named(body + checksum, index), shifts


def _count(data: bytes) -> int:
    return int(struct.unpack(">L", data[8:12])[0])


def _named(data: bytes, index: bytes) -> Pack:
    return Pack(hashlib.sha256(data).hexdigest()[:32], data, index)


def _write_index(rows: Iterable[tuple[bytes, int, int | None]], checksum: bytes) -> bytes:
    from dulwich.pack import write_pack_index_v2

    index = BytesIO()
    write_pack_index_v2(index, sorted(rows), checksum)
    return index.getvalue()


def _index_rows(index: bytes) -> Iterator[tuple[bytes, int, int]]:
    count = _index_count(index)
    crcs_at = _NAMES_AT + count * 20
    for number in range(count):
        name = index[_NAMES_AT + number * 20 : _NAMES_AT + number * 20 + 20]
        (crc,) = struct.unpack_from(">L", index, crcs_at + number * 4)
        yield name, _offset_at(index, count, number), crc


def _index_count(index: bytes) -> int:
    return int(struct.unpack_from(">L", index, _NAMES_AT - 4)[0])


def _offset_at(index: bytes, count: int, number: int) -> int:
    # No pack is larger than two gigabytes, so no offset is in the table of large ones.
    return int(struct.unpack_from(">L", index, _NAMES_AT + count * 24 + number * 4)[0])


def find_in_index(index: bytes, sha: str) -> int:
    """The place of an object in the index's pack. Raises KeyError."""
    name = bytes.fromhex(sha)
    low = struct.unpack_from(">L", index, _FANOUT_AT + (name[0] - 1) * 4)[0] if name[0] else 0
    (high,) = struct.unpack_from(">L", index, _FANOUT_AT + name[0] * 4)
    while low < high:
        middle = (low + high) // 2
        middle_name = index[_NAMES_AT + middle * 20 : _NAMES_AT + middle * 20 + 20]
        if middle_name == name:
            return _offset_at(index, _index_count(index), middle)
        low, high = (middle + 1, high) if middle_name < name else (low, middle)
    raise KeyError(sha)

"""Packs: git's packs are read, git reads ours, and hostile ones are refused."""

import hashlib
import struct
import zlib
from pathlib import Path
from random import Random

import pytest

from chalicelib.providers.git import pack_entries, packs
from chalicelib.providers.git.errors import InvalidGitData
from chalicelib.providers.git.objects import NewObject, blob_id
from chalicelib.providers.git.pack_entries import BLOB, COMMIT, OFFSET_DELTA, REFERENCE_DELTA, StoredObject
from chalicelib.providers.git.packs import Pack
from tests.support.git_server import commit_files, git


def blob(content: bytes) -> NewObject:
    return NewObject(BLOB, blob_id(content), content)


def read(pack: Pack, sha: str) -> StoredObject:
    def read_bytes(start: int, length: int) -> bytes:
        return pack.data[start : start + length]

    return pack_entries.read_object(
        read_bytes, packs.find_in_index(pack.index, sha), lambda base: packs.find_in_index(pack.index, base)
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose packs have deltas. No test changes it."""
    tmp_path = tmp_path_factory.mktemp("repository")
    random = Random(1)
    git(tmp_path, "init", "-q")
    lines = [f"line {random.random()}\n" for _ in range(400)]
    for number in range(30):
        lines[random.randrange(400)] = f"changed {number}\n"
        commit_files(tmp_path, f"commit {number}", {"big.txt": "".join(lines), f"d{number % 4}/f.txt": str(number)})
    git(tmp_path, "gc", "-q", "--aggressive")
    return tmp_path


def read_pack(repository: Path) -> bytes:
    [path] = (repository / ".git/objects/pack").glob("*.pack")
    return path.read_bytes()


def test_every_object_of_gits_own_pack_is_read(repository: Path) -> None:
    data = read_pack(repository)
    pack, objects_by_sha = packs.index_received_pack(data)
    listed = git(repository, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    kinds = {"commit": 1, "tree": 2, "blob": 3}
    assert {sha: (packed_object.kind, packed_object.size) for sha, packed_object in objects_by_sha.items()} == {
        sha: (kinds[kind], int(size)) for sha, kind, size in map(str.split, listed)
    }
    deltas = [
        packed_object
        for packed_object in objects_by_sha.values()
        if (data[packed_object.offset] >> 4) & 7 == OFFSET_DELTA
    ]
    assert deltas, "the pack has deltas"
    for sha, packed_object in objects_by_sha.items():
        stored = read(pack, sha)
        content = hashlib.sha1(
            b"%s %d\0" % (dict(zip(kinds.values(), kinds, strict=True))[stored.kind].encode(), len(stored.content))
            + stored.content
        )
        assert content.hexdigest() == sha
        assert (packed_object.content is not None) is (packed_object.kind == COMMIT)
    [index] = (repository / ".git/objects/pack").glob("*.idx")
    assert pack.index == index.read_bytes()


def test_git_reads_a_pack_that_was_made_here(tmp_path: Path) -> None:
    contents = [b"", b"a", b"x" * 100_000, bytes(range(256)) * 50]
    pack, places = packs.write_pack([blob(content) for content in contents])
    (tmp_path / "a.pack").write_bytes(pack.data)
    (tmp_path / "a.idx").write_bytes(pack.index)
    git(tmp_path, "verify-pack", "-v", "a.idx")
    for content in contents:
        assert places[blob_id(content)] == packs.find_in_index(pack.index, blob_id(content))
        assert read(pack, blob_id(content)) == (BLOB, content)


def test_joined_packs_have_the_objects_of_all(repository: Path, tmp_path: Path) -> None:
    received, objects_by_sha = packs.index_received_pack(read_pack(repository))
    made, _ = packs.write_pack([blob(b"one"), blob(b"two")])
    again, _ = packs.write_pack([blob(b"two"), blob(b"three")])
    joined, shifts = packs.join_packs([made, received, again])
    assert shifts[0] == 0
    for sha, one in objects_by_sha.items():
        assert packs.find_in_index(joined.index, sha) == one.offset + shifts[1]
        assert read(joined, sha) == read(received, sha)
    for content in (b"one", b"two", b"three"):
        assert read(joined, blob_id(content)).content == content
    folder = tmp_path / "joined"
    folder.mkdir()
    (folder / "a.pack").write_bytes(joined.data)
    git(folder, "index-pack", "a.pack")


def test_what_is_not_in_the_index(repository: Path) -> None:
    pack, found = packs.index_received_pack(read_pack(repository))
    for sha in ("0" * 40, "f" * 40, min(found)[:-1] + "x".translate({120: "0"})):
        if sha not in found:
            with pytest.raises(KeyError):
                packs.find_in_index(pack.index, sha)


def header(kind: int, size: int) -> bytes:
    first, size = (kind << 4) | (size & 15), size >> 4
    raw = []
    while size:
        raw.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    return bytes([*raw, first])


def pack_of(*entries: bytes, count: int | None = None) -> bytes:
    body = b"PACK" + struct.pack(">LL", 2, len(entries) if count is None else count) + b"".join(entries)
    return body + hashlib.sha1(body).digest()


WHOLE = header(BLOB, 3) + zlib.compress(b"abc")
HUGE = pack_entries.MAX_OBJECT_BYTES + 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no pack"),
        (b"garbage" * 10, "no pack"),
        (pack_of(WHOLE)[:-1] + b"x", "checksum"),
        (pack_of(WHOLE, count=2), "unknown type|within an entry|inflated"),
        (pack_of(WHOLE, WHOLE[:-2]), "inflated|another size"),
        (pack_of(WHOLE, count=0), "more in it"),
        (pack_of(header(BLOB, 2) + zlib.compress(b"abc")), "another size"),
        (pack_of(header(BLOB, 4) + zlib.compress(b"abc")), "another size"),
        (pack_of(header(BLOB, 10) + zlib.compress(b"\0" * 5_000_000)), "another size"),
        (pack_of(header(BLOB, HUGE) + zlib.compress(b"\0" * 10)), "too large"),
        (pack_of(header(5, 3) + zlib.compress(b"abc")), "unknown type"),
        (pack_of(header(0, 3) + zlib.compress(b"abc")), "unknown type"),
        (pack_of(WHOLE, count=packs.MAX_OBJECTS + 1), "at most"),
        (pack_of(header(OFFSET_DELTA, 3) + b"\x7f" + zlib.compress(b"abc")), "without a base"),
        (pack_of(header(OFFSET_DELTA, 3) + b"\x00" + zlib.compress(b"abc")), "without a base"),
        (pack_of(header(REFERENCE_DELTA, 3) + b"x" * 20 + zlib.compress(b"\x03\x03\x03")), "cannot be read"),
        (pack_of(header(REFERENCE_DELTA, 1) + b"x" * 20 + zlib.compress(b"\xff")), "cut off"),
        (
            pack_of(
                WHOLE,
                header(REFERENCE_DELTA, 6)
                + bytes.fromhex(blob_id(b"abc"))
                + zlib.compress(b"\x03\xff\xff\xff\x7f\x01"),
            ),
            "too large",
        ),
        (
            pack_of(WHOLE, header(OFFSET_DELTA, 4) + bytes([len(WHOLE)]) + zlib.compress(b"\x09\x03\x03x")),
            "cannot be read",
        ),
    ],
)
def test_a_hostile_pack_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidGitData, match=problem):
        packs.index_received_pack(data)


def test_objects_that_are_too_large_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "MAX_INFLATED_BYTES", 5)
    with pytest.raises(InvalidGitData, match="together"):
        packs.index_received_pack(pack_of(WHOLE, WHOLE))


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_pack_is_refused_or_read(repository: Path, seed: int) -> None:
    random = Random(seed)
    body = bytearray(read_pack(repository)[:-20])
    for _ in range(random.randrange(1, 4)):
        body[random.randrange(12, len(body))] = random.randrange(256)
    data = bytes(body) + hashlib.sha1(body).digest()
    try:
        packs.index_received_pack(data)
    except InvalidGitData:
        return


@pytest.mark.parametrize(
    "raw", [b"", b"\x90", b"\x30", header(BLOB, 3) + b"zz", header(BLOB, 3), header(BLOB, 4) + zlib.compress(b"abc")]
)
def test_an_entry_that_is_no_entry(raw: bytes) -> None:
    def find(sha: str) -> int:
        raise KeyError(sha)

    with pytest.raises(InvalidGitData):
        pack_entries.read_object(lambda start, length: raw[start : start + length], 0, find)


def test_deltas_that_go_in_a_circle_end() -> None:
    entry = header(REFERENCE_DELTA, 3) + b"x" * 20 + zlib.compress(b"\x03\x03\x03")
    with pytest.raises(InvalidGitData, match="chain"):
        pack_entries.read_object(lambda start, length: entry[start : start + length], 0, lambda _: 0)

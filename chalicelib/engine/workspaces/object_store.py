"""Read git's objects from the packs in S3, a block at a time: a pack is never in memory as a whole."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from chalicelib.domain.workspaces.values import SUBMODULE_MODE, CommittedFile, PackRef, Repository
from chalicelib.engine.ttl_cache import SizedCache
from chalicelib.errors import Conflict, Unavailable
from chalicelib.providers.git import objects as git_objects
from chalicelib.providers.git import pack_entries, packs
from chalicelib.providers.git.errors import InvalidGitData
from chalicelib.providers.git.objects import TreeEntry
from chalicelib.providers.git.pack_entries import StoredObject
from chalicelib.storage.workspaces import objects

BLOCK_BYTES = 1_000_000
MAX_RESOLVED_BYTES = 16_000_000
"""Trees and commits that are kept while a store is used."""
MAX_ENTRIES = 100_000
"""Of the trees that are kept while a store is used."""
THREADS = 8
"""Packs whose indexes are read at once."""
_blocks: SizedCache[tuple[str, int], bytes] = SizedCache(64_000_000)
"""(key, number of the block) -> bytes. Objects in S3 never change."""


class _ResolvedInPack(NamedTuple):
    """What was read of one pack."""

    pack: str
    cache: SizedCache[tuple[str, int], StoredObject]

    def get(self, offset: int) -> StoredObject | None:
        return self.cache.get((self.pack, offset))

    def put(self, offset: int, found: StoredObject) -> None:
        self.cache.put((self.pack, offset), found, len(found.content))


class ObjectStore:
    """The objects of a repository as it was read, and those of packs that are not stored yet."""

    def __init__(self, repository: Repository, held: Sequence[packs.Pack] = ()) -> None:
        self._repository = repository
        self._held = {pack.name: pack for pack in held}
        refs = (*repository.packs, *(PackRef(pack.name, len(pack.data), len(pack.index)) for pack in held))
        self._packs = {pack.name: pack for pack in refs}
        self._indexes: dict[str, bytes] = {pack.name: pack.index for pack in held}
        self._trees: SizedCache[str, list[TreeEntry]] = SizedCache(MAX_ENTRIES)
        self._resolved: SizedCache[tuple[str, int], StoredObject] = SizedCache(MAX_RESOLVED_BYTES)

    def read_file(self, file: CommittedFile) -> bytes:
        """The content of a committed file; of a submodule, what git shows in its place. One call for each block of its
        pack that is not in memory."""
        if file.mode == SUBMODULE_MODE:
            return f"Subproject commit {file.sha}\n".encode()
        return self._read_at(self._packs[file.pack], file.offset).content

    def read(self, sha: str) -> StoredObject:
        """The object with this id. Reads the index of each pack, latest first. Raises Conflict for one that the remote
        from which its commit was pulled did not send, or that is not what git writes."""
        try:
            pack, offset = self.locate(sha)
            return self._read_at(self._packs[pack], offset)
        except (KeyError, InvalidGitData) as error:
            raise _unreadable(sha, error) from None

    def locate(self, sha: str) -> tuple[str, int]:
        """The pack with this object, and the object's place there. Raises KeyError."""
        self._load_indexes()
        for pack in reversed(self._packs.values()):
            with suppress(KeyError):
                return pack.name, packs.find_in_index(self._index(pack), sha)
        raise KeyError(sha)

    def __contains__(self, sha: str) -> bool:
        try:
            self.locate(sha)
        except KeyError:
            return False
        return True

    def read_tree(self, sha: str) -> list[TreeEntry]:
        """The entries of a tree. Raises Conflict."""
        entries = self._trees.get(sha)
        if entries is None:
            try:
                entries = git_objects.parse_tree(self.read(sha).content)
            except InvalidGitData as error:
                raise _unreadable(sha, error) from None
            self._trees.put(sha, entries, len(entries) + 1)
        return entries

    def _read_at(self, pack: PackRef, offset: int) -> StoredObject:
        def read(start: int, length: int) -> bytes:
            return self._read_range(pack, start, max(0, min(length, pack.pack_bytes - start)))

        resolved = _ResolvedInPack(pack.name, self._resolved)
        return pack_entries.read_object(read, offset, lambda sha: packs.find_in_index(self._index(pack), sha), resolved)

    def _load_indexes(self) -> None:
        missing = [pack for pack in self._packs.values() if pack.name not in self._indexes]
        if len(missing) > 1:
            with ThreadPoolExecutor(THREADS) as threads:
                list(threads.map(self._index, missing))

    def _index(self, pack: PackRef) -> bytes:
        if pack.name not in self._indexes:
            self._indexes[pack.name] = self._read_range(pack, pack.pack_bytes, pack.index_bytes)
        return self._indexes[pack.name]

    def _read_range(self, pack: PackRef, start: int, length: int) -> bytes:
        if pack.name in self._held:
            return self._held[pack.name].data[start : start + length]
        key = objects.object_key(self._repository.org, self._repository.workspace_id, "pack", pack.name)
        first, last = start // BLOCK_BYTES, max(start, start + length - 1) // BLOCK_BYTES
        blocks = b"".join(_read_block(key, number) for number in range(first, last + 1))
        return blocks[start - first * BLOCK_BYTES : start - first * BLOCK_BYTES + length]


def _unreadable(sha: str, error: Exception) -> Conflict:
    problem = "is missing" if isinstance(error, KeyError) else "cannot be read"
    return Conflict(
        f"The object {sha} {problem}: the remote from which its commit was pulled did not send it as git does"
    )


def _read_block(key: str, number: int) -> bytes:
    block = _blocks.get((key, number))
    if block is None:
        block = objects.read_range(key, number * BLOCK_BYTES, BLOCK_BYTES)
        if block is None:
            raise Unavailable("The repository is being reorganised; try again")
        _blocks.put((key, number), block, len(block))
    return block

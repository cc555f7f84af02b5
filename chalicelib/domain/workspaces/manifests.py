"""The list of a commit's files, as it is stored: gzipped JSON."""

import gzip
import json
from collections.abc import Mapping

from chalicelib.domain.workspaces.values import CommittedFile

Manifest = Mapping[str, CommittedFile]
"""Path -> file."""


def encode_manifest(manifest: Manifest) -> bytes:
    """The stored form. Packs are named once, and files by the number of their pack. Equal lists have equal forms."""
    packs = sorted({file.pack for file in manifest.values()})
    numbers = {name: number for number, name in enumerate(packs)}
    files = {path: [*file[:5], numbers[file.pack], file.offset] for path, file in sorted(manifest.items())}
    text = json.dumps({"packs": packs, "files": files}, separators=(",", ":"), ensure_ascii=False)
    return gzip.compress(text.encode(), compresslevel=4, mtime=0)


def decode_manifest(stored: bytes) -> dict[str, CommittedFile]:
    """The list that `encode_manifest` stored."""
    read = json.loads(gzip.decompress(stored))
    packs = read["packs"]
    return {
        path: CommittedFile(sha, mode, size, created_at, modified_at, packs[pack], offset)
        for path, (sha, mode, size, created_at, modified_at, pack, offset) in read["files"].items()
    }

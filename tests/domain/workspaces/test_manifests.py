"""The stored list of a commit's files."""

from chalicelib.domain.workspaces.manifests import decode_manifest, encode_manifest
from chalicelib.domain.workspaces.values import CommittedFile


def test_a_list_is_read_as_it_was_stored() -> None:
    manifest = {
        f"d{number % 9}/größe{number}": CommittedFile(
            f"{number:040x}", 0o100644, number, 1, 2, f"p{number % 3}", number
        )
        for number in range(100)
    }
    stored = encode_manifest(manifest)
    assert decode_manifest(stored) == manifest
    assert encode_manifest(dict(reversed(manifest.items()))) == stored
    assert decode_manifest(encode_manifest({})) == {}

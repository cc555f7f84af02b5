"""What a file is, by its own bytes: a small table of signatures, and for text the name it goes by.

What the client claims counts only where it can be checked: a claim to be of a type that has a signature must be true.
"""

from pathlib import PurePosixPath

from chalicelib.errors import InvalidRequest

BINARY = "application/octet-stream"
TEXT = "text/plain"
ZIP = "application/zip"

# (offset, bytes, type)
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", ZIP),
    (0, b"PK\x05\x06", ZIP),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
)
_RIFF = {"image/webp", "audio/wav"}
_CHECKED = {found for _, _, found in _SIGNATURES if found.startswith("image/")} | {"application/pdf"}
"""The types that a false claim would do harm with: what shows them trusts the claim."""
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
_PROGRAMS = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)
"""ELF, Windows, Mach-O of each kind, and Java classes. Scripts are text, which is what many tasks are about."""
_OF_SUFFIX = {
    ZIP: {
        ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ".odt": "application/vnd.oasis.opendocument.text",
        ".ods": "application/vnd.oasis.opendocument.spreadsheet",
        ".epub": "application/epub+zip",
    },
    TEXT: {
        ".ts": "text/typescript",
        ".tsx": "text/typescript",
        ".js": "text/javascript",
        ".jsx": "text/javascript",
        ".mjs": "text/javascript",
        ".py": "text/x-python",
        ".go": "text/x-go",
        ".rs": "text/x-rust",
        ".java": "text/x-java",
        ".c": "text/x-c",
        ".cpp": "text/x-c++",
        ".sh": "text/x-shellscript",
        ".sql": "application/sql",
        ".md": "text/markdown",
        ".html": "text/html",
        ".htm": "text/html",
        ".css": "text/css",
        ".csv": "text/csv",
        ".json": "application/json",
        ".xml": "text/xml",
        ".yaml": "application/yaml",
        ".yml": "application/yaml",
        ".svg": "image/svg+xml",
    },
}
_UNPRINTED = bytes(range(32)).translate(None, b"\t\n\r\f\x1b")


def media_type(content: bytes, name: str, claimed: str = "") -> str:
    """The type of a file called `name`. Raises InvalidRequest for an empty file, a program, and a false claim."""
    if not content:
        raise _refused("is empty")
    if content.startswith(_PROGRAMS):
        raise _refused("is an executable program; those are not accepted")
    kind = signature(content) or (TEXT if _is_text(content) else BINARY)
    found = _OF_SUFFIX.get(kind, {}).get(PurePosixPath(name).suffix.lower(), kind)
    said = _ALIASES.get(claimed, claimed)
    if said in _CHECKED and said != found:
        raise _refused(f"is sent as {said}, but by its content it is {found}")
    return found


def signature(content: bytes) -> str | None:
    """The type that the first bytes tell, or None when they tell none of those known here."""
    for offset, magic, found in _SIGNATURES:
        if content.startswith(magic, offset) and (found not in _RIFF or content.startswith(b"RIFF")):
            return found
    return None


def _is_text(content: bytes) -> bool:
    if len(content.translate(None, _UNPRINTED)) < len(content):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refused(what: str) -> InvalidRequest:
    return InvalidRequest(f"The file {what}", fields={"file": what})

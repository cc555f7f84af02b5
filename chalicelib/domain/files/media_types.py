"""Media types of files: detected from the first bytes, and for text from the name.

The type that a client claims is only checked: a claim of an image type or PDF must be true.
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
_RIFF_TYPES = {"image/webp", "audio/wav"}
_CHECKED_TYPES = {media_type for _, _, media_type in _SIGNATURES if media_type.startswith("image/")} | {
    "application/pdf"
}
"""Claims of these types must be true: a viewer trusts the claim, so a false one could do harm."""
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
"""ELF, Windows, all kinds of Mach-O, and Java classes. Scripts are text and accepted: many tasks are about them."""
_TYPES_BY_SUFFIX = {
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
_CONTROL_BYTES = bytes(range(32)).translate(None, b"\t\n\r\f\x1b")


def detect_media_type(content: bytes, name: str, claimed: str = "") -> str:
    """The media type of a file called `name`. Raises InvalidRequest for an empty file, a program, or a false claim."""
    if not content:
        raise _invalid_file("is empty")
    if content.startswith(_PROGRAMS):
        raise _invalid_file("is an executable program; those are not accepted")
    detected, _ = describe_media_type(content, name)
    claim = _ALIASES.get(claimed, claimed)
    if claim in _CHECKED_TYPES and claim != detected:
        raise _invalid_file(f"is sent as {claim}, but by its content it is {detected}")
    return detected


def describe_media_type(content: bytes, name: str) -> tuple[str, bool]:
    """The media type of any content, in a file called `name`, and whether it is text."""
    kind = detect_signature(content) or (TEXT if _is_text(content) else BINARY)
    return _TYPES_BY_SUFFIX.get(kind, {}).get(PurePosixPath(name).suffix.lower(), kind), kind == TEXT


def detect_signature(content: bytes) -> str | None:
    """The media type by the first bytes, None when they match no known signature."""
    for offset, magic, media_type in _SIGNATURES:
        if content.startswith(magic, offset) and (media_type not in _RIFF_TYPES or content.startswith(b"RIFF")):
            return media_type
    return None


def _is_text(content: bytes) -> bool:
    if len(content.translate(None, _CONTROL_BYTES)) < len(content):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _invalid_file(what: str) -> InvalidRequest:
    return InvalidRequest(f"The file {what}", fields={"file": what})

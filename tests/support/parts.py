"""Multipart bodies, as browsers and curl send them."""

BOUNDARY = "----WebKitFormBoundary7MA4YWxk"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def part(content: bytes | str, disposition: str = 'form-data; name="file"; filename="a.txt"', *headers: str) -> bytes:
    """One part, without the boundaries around it."""
    head = "\r\n".join([f"Content-Disposition: {disposition}", *headers])
    return head.encode() + b"\r\n\r\n" + (content.encode() if isinstance(content, str) else content)


def file(
    content: bytes | str, name: str = "a.txt", claimed: str = "application/octet-stream", at: str = "file"
) -> bytes:
    """A part that is a file called `name`, under the name `at`."""
    return part(content, f'form-data; name="{at}"; filename="{name}"', f"Content-Type: {claimed}")


def body(*parts: bytes) -> bytes:
    """The parts as one body of the type MULTIPART."""
    content = b"".join(f"--{BOUNDARY}\r\n".encode() + one + b"\r\n" for one in parts)
    return content + f"--{BOUNDARY}--\r\n".encode()


NAMED = 'form-data; name="description"'
MANY = [part("x", f'form-data; name="p{number}"') for number in range(10_000)]
WRONG: dict[str, tuple[bytes, str, int]] = {
    "truncated": (body(part("x"))[:-6], MULTIPART, 400),
    "truncated in its headers": (body(part("x"))[:60], MULTIPART, 400),
    "no last boundary": (body(part("x")).removesuffix(f"--{BOUNDARY}--\r\n".encode()), MULTIPART, 400),
    "another boundary": (body(part("x")), "multipart/form-data; boundary=other", 400),
    "no boundary": (body(part("x")), "multipart/form-data", 400),
    "empty boundary": (body(part("x")), 'multipart/form-data; boundary=""', 400),
    "endless boundary": (body(part("x")), f"multipart/form-data; boundary={'x' * 5000}", 400),
    "boundary beyond latin-1": (body(part("x")), "multipart/form-data; boundary=✓", 400),
    "no parts": (f"--{BOUNDARY}--\r\n".encode(), MULTIPART, 400),
    "no multipart at all": (b"hello", MULTIPART, 400),
    "10,000 parts": (body(*MANY), MULTIPART, 413),
    "huge header": (body(part("x", 'form-data; name="file"', f"X-Long: {'x' * 100_000}")), MULTIPART, 400),
    "many headers": (body(part("x", 'form-data; name="file"', *["X: y"] * 50)), MULTIPART, 400),
    "bad header": (body(part("x", 'form-data; name="file"', "No colon")), MULTIPART, 400),
    "no disposition": (body(b"X: y\r\n\r\nx"), MULTIPART, 400),
    "no name": (body(part("x", "form-data")), MULTIPART, 400),
    "name not UTF-8": (body(b'Content-Disposition: form-data; name="\xff"\r\n\r\nx'), MULTIPART, 400),
    "text not UTF-8": (body(part("x"), part(b"\xff", NAMED)), MULTIPART, 400),
    "encoded": (body(part("eA==", NAMED, "Content-Transfer-Encoding: base64")), MULTIPART, 400),
    "long field": (body(part("x"), part("x" * 100_001, NAMED)), MULTIPART, 413),
    "field too long for its model": (body(part("x"), part("x" * 11, NAMED)), MULTIPART, 400),
    "file twice": (body(part("x"), part("y")), MULTIPART, 400),
    "no file": (body(part("x", NAMED)), MULTIPART, 400),
    "empty file input": (body(part("", 'form-data; name="file"; filename=""')), MULTIPART, 400),
    "text for a file": (body(part("x", 'form-data; name="file"')), MULTIPART, 400),
    "file for a text": (body(part("x"), part("y", NAMED + '; filename="y"')), MULTIPART, 400),
    "nested": (body(part("x", 'form-data; name="file[0][x]"; filename="a"')), MULTIPART, 400),
    "mixed": (body(part("x")), f"multipart/mixed; boundary={BOUNDARY}", 415),
    "a boundary only in the middle of a line": (b"x" + body(part("x")), MULTIPART, 400),
    "an extended filename in another charset": (
        body(part("x", "form-data; name=\"file\"; filename*=ISO-8859-1''na%EFve.txt")),
        MULTIPART,
        400,
    ),
    "an extended filename that is none": (
        body(part("x", 'form-data; name="file"; filename*=naive.txt')),
        MULTIPART,
        400,
    ),
    "an extended filename in pieces": (body(part("x", 'form-data; name="file"; filename*0="na"')), MULTIPART, 400),
    "an extended filename that is not UTF-8": (
        body(part("x", "form-data; name=\"file\"; filename*=UTF-8''%ff")),
        MULTIPART,
        400,
    ),
    "an extended filename within quotes": (
        body(part("x", 'form-data; name="file"; x="; filename*=UTF-8\'\'a"')),
        MULTIPART,
        400,
    ),
    "json": (b"{}", "application/json", 415),
    "no type": (body(part("x")), "", 415),
}
"""Problem -> body, Content-Type, status of the answer of an endpoint with a file `file` and a text `description` of at
most ten characters. An API that answers 422 to invalid fields has 422 in place of 400."""

GOOD: dict[str, tuple[bytes, str]] = {
    "empty file": (body(part("")), MULTIPART),
    "quoted boundary": (body(part("x")), f'Multipart/Form-Data; charset=utf-8; boundary="{BOUNDARY}"'),
    "something before and after": (b"\r\n" + body(part("x")) + b"ignored", MULTIPART),
    "text before the first boundary": (
        b"This is a message in MIME format.\r\n--other\r\n" + body(part("x")),
        MULTIPART,
    ),
    "an extended filename alone": (
        body(part("x", "form-data; name=\"file\"; filename*=UTF-8'en'na%C3%AFve%20caf%C3%A9.txt")),
        MULTIPART,
    ),
    "an extended filename beside a plain one": (
        body(part("x", 'form-data; name="file"; filename="a.txt"; filename*=ISO-8859-1\'\'%EF')),
        MULTIPART,
    ),
    "content like a boundary": (body(part(f"--{BOUNDARY}x\r\n--\r\n")), MULTIPART),
    "NULs": (body(part(b"\0" * 100, 'form-data; name="file"; filename="a\0b"')), MULTIPART),
    "unknown parts": (
        body(part("x"), part("y", 'form-data; name="other"'), part("z", 'form-data; name=""')),
        MULTIPART,
    ),
}
"""Unusual, but valid: name -> body, Content-Type."""

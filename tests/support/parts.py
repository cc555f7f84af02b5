"""Bodies of several parts, as browsers and curl send them."""

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
    opened = b"".join(f"--{BOUNDARY}\r\n".encode() + one + b"\r\n" for one in parts)
    return opened + f"--{BOUNDARY}--\r\n".encode()

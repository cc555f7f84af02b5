"""How a file is offered for download."""

from urllib.parse import quote


def attachment(name: str) -> str:
    """The Content-Disposition with which a browser saves a file under this name, and does not show it as a page."""
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%' else "_" for letter in name)
    offered = f'attachment; filename="{plain}"'
    return offered if plain == name else f"{offered}; filename*=UTF-8''{quote(name, safe='')}"

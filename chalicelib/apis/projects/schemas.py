"""What several resources answer alike."""

from typing import Literal

from chalicelib.edge import CamelSchema


class Deleted(CamelSchema):
    """What was deleted."""

    id: str
    deleted: Literal[True] = True

"""Schemas shared by several resources."""

from typing import Literal

from chalicelib.edge import CamelSchema


class Deleted(CamelSchema):
    """A deleted resource."""

    id: str
    deleted: Literal[True] = True

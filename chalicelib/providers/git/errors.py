"""What can be wrong with data that claims to be git's."""


class InvalidGitData(Exception):
    """A pack or an object is not what git would write, or larger than is allowed. The text says what, and holds none of
    the data."""

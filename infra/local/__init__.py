"""Yardmaster on this machine: AWS by moto in one process with the APIs and everything that Lambda would run."""


class CannotRun(Exception):
    """Something that the local run needs is not there; the text says what, and what would help."""

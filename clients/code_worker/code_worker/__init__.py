"""A worker of Yardmaster's code server: it has a language model write code and tests the code in a sandbox."""

__version__ = "0.2.0"

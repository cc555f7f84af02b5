"""Runs tests of code in a sandbox."""

"""Texts: what can be wrong with one, and how good that makes it."""

"""Workspaces: files and a git repository without a disk (docs/reference/codeserver-api.md)."""

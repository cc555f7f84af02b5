"""Workspaces: files and a git repository without a disk. Rules for paths, trees, merges and patches."""

"""Workflows: what their steps are, and what comes next."""

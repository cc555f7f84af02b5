"""Conversations of an org's users and their messages, for any API."""

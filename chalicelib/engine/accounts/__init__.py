"""Users of an org: invitations, sign-in, sessions, API keys, notifications and avatars."""

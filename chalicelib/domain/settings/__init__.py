"""Settings that an org makes for itself, with the types of their values."""

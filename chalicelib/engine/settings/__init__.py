"""What an org sets for itself: typed settings, the configuration of its agents, and saved sessions."""

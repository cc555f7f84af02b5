"""The counters and the event log."""

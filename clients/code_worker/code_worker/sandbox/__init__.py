"""The sandbox in which code that a model wrote is run: bubblewrap, resource limits and a filter of system calls."""

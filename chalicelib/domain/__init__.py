"""The rules as pure functions and values: no time, no chance, no storage."""

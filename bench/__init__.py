"""Measure Yardmaster's speed, calls, memory and cost: `make bench` writes RESULTS.md. Each module runs in a process of
its own."""

"""Yardmaster on this machine: AWS by moto in one process with the APIs and everything that Lambda would run."""

"""Yardmaster: a serverless control plane for fleets of workers."""

__version__ = "0.2.0"

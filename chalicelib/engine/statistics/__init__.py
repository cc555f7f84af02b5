"""Counters, gauges, rollups and estimates of the pools."""

"""Benchmarks: every speed claim as a ratio, with both sides in one run."""

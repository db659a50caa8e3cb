"""Tests of the benchmarks: what they send, compute and draw; not what they measure."""

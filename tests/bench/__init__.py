"""Tests of the benchmark: what it computes, compares and draws; not what it measures."""

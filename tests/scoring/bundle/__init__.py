"""Tests of `scoring.bundle`."""

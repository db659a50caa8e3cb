"""Tests of `scoring.tokens`."""

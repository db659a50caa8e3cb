"""Tests of `scoring.embedding`."""

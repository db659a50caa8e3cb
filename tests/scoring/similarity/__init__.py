"""Tests of `scoring.similarity`."""

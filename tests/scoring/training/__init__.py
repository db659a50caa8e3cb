"""Tests of `scoring.training`."""

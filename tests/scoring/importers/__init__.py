"""Tests of `scoring.importers`."""

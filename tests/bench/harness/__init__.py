"""Tests of what the scenarios share."""

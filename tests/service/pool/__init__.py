"""Tests of `service.pool`."""

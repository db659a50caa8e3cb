"""Tests of `service.jobs`."""

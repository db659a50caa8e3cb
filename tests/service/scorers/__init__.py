"""Tests of `service.worker`."""

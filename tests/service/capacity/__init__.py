"""Tests of `service.capacity`."""

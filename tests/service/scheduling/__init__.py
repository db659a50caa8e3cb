"""Tests of `service.scheduling`."""

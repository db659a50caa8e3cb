"""Tests of `service.ipc`."""

"""Tests that prove behaviour with real processes, real sockets and real models."""

"""Tests with real worker and server processes, real HTTP and the real commands."""

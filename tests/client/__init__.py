"""Tests of the client: its modules, its fake, its documentation and its distribution."""

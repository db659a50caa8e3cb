"""Programs that are too long for the test suite, and one of its gates: `python -m tests.programs.NAME`."""

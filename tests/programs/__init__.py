"""Programs for people: each runs by itself with `python -m tests.programs.NAME`."""

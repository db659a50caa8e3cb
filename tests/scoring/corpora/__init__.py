"""Tests of corpora: the same results as of all documents at once, whatever the blocks, rounds and processes."""

"""Tests of the whole: real processes, real HTTP, the commands as a person types them."""

"""Scorers to copy from: each is a module of its own, imports nothing of Scorepool's, and has under 40 lines."""

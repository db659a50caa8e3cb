"""Cosine similarity of every document with every other, exact: neighbours, pairs, matrix."""

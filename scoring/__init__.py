"""Scoring of document batches: texts to vectors, clusters and similarities; the models that it needs. No I/O but files."""

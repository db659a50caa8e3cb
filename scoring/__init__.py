"""Scoring of document batches: texts to vectors, clusters and similarities, and the models for that."""

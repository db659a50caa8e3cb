"""Texts to document vectors: vocabulary, vectors of unknown words, pooling."""

"""Texts to bundles: word vectors, clusters, descriptive terms, and the corpora that they are made of."""

"""Existing models to bundles: fastText's own formats and models that gensim saved."""

"""Tests of the scoring modules; gensim and scikit-learn are the oracles."""

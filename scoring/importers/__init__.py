"""Existing models to bundles.

conventions    the tokenizer and the pooling that users of a model expect
importing      which reader a file needs; centroids; word vectors and centroids to a model
fasttext_bin   `.bin` files of Facebook's fastText
fasttext_vec   `.vec` text files
"""

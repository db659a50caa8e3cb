"""Texts to document vectors.

embedder        documents to vectors: pooling by `mean`, `sif`, `tfidf` or `fasttext`
distinct_words  the distinct words of documents, and how often each occurs
vocabulary      words to ids
word_cache      the cache in front of the vocabulary
norms           the pooling weights of `fasttext`
tfidf           what pooling by `tfidf` does to repeated words and to lengths
unknown_words   vectors of words that are not in the vocabulary
ngrams          character n-grams: their hashes, and the sums of their vectors
"""

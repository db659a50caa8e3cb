"""Cosine similarity of every document with every other, exact: neighbours, pairs, matrix.

    cosine           unit vectors, exact cosines and their rounding, the whole matrix
    neighbours       the m nearest documents of each, by whichever of the next two is quicker
    batched          … of the documents of many small requests, in shared array operations
    candidates       … of many documents: which others can be among the m nearest
    pairs            the pairs that reach a threshold
    block_products   float32 products that candidates and pairs are chosen by

Similarities that are equal as they are reported, rounded to float32, are ordered by position, the lower first, in
neighbours and in pairs alike.
"""

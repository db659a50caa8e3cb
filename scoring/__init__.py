"""Scoring of document batches: texts to vectors, clusters and similarities, and the models for that.

    importers    models of fastText and gensim to bundles
    training     a corpus to a bundle: word vectors, pooling weights, clusters, terms
    pipeline     the stages of scoring in their order
    embedding | clustering | similarity
                 texts to document vectors; vectors to clusters; vectors to neighbours, pairs and the matrix
    bundle       the folder that holds a model
    tokens | errors | progress

A package may import those below it and never those above. Nothing here reads the environment or a clock.
"""

"""Scoring of document batches: texts to vectors, clusters and similarities, and the models for that.

    corpora | importers
                 corpora larger than a request, step by step; models of fastText and gensim to bundles
    lines        the scores of documents as plain objects
    training | pipeline | explanation
                 a corpus to a bundle; the stages of scoring in their order; why two documents are similar
    embedding | clustering | outliers | similarity | texts
                 texts to vectors; vectors to clusters, outlier shares, neighbours and pairs; files to texts
    bundle       the folder that holds a model
    tokens       a text to its words
    errors | progress

A package may import those below it and never those above. Nothing here reads the environment or a clock.
"""

"""A corpus to a bundle.

train           documents to a model: the next three, then `fit`
fasttext        word vectors by FastText
lsa             word vectors by latent semantic analysis
shared_axes     the directions in which near documents agree
stop_words      the words of the corpus's languages that say nothing of a subject
word_counts     how often documents have words, and the pooling weights that follow
word_vectors    word vectors in memory, trained or imported
fit             word vectors and documents to a model: pooling weights, components, clusters, terms
sif             weights and components by smooth inverse frequency
kmeans          clusters
ward            K-Means from a hierarchy
cluster_count   how many clusters
unseen_distances   how far documents that were not trained on lie from the centroids
terms           words that describe a cluster
demo            the demonstration model and its texts
"""

"""Existing models to bundles.

importing         which reader a file needs; word vectors and centroids to a model
conventions       the tokenizer and the pooling that users of a model expect
model_file        one file, plain or compressed, as a stream or as an open file
fasttext_bin      `.bin` and `.ftz` files of Facebook's fastText
fasttext_vec      `.vec` text files
word2vec_binary   word2vec's binary format
gensim_model      what gensim's `save` wrote
centroids         an existing K-Means
word_spool        words and vectors read one by one
file_rows         vectors that stay in their file
quantised_rows    vectors of `.ftz` files, decoded when they are asked for
composed_rows     vectors of words and their n-grams, composed when they are asked for
"""

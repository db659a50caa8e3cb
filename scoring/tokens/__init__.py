"""Text to tokens: the same definition in training and in serving, and a part of every bundle.

names           the tokenizers' names
tokenizer       a tokenizer by its name: tokens as strings for training, as bytes for serving
letters         `letters`: runs of letters with their marks, in lower case
gensim_words    `gensim`: the words of `gensim.utils.simple_preprocess`
fasttext_words  `fasttext`: what is between white space, as the official library reads it
lost_words      which words of a corpus a tokenizer does not find
words           where the words are in the bytes of tokenised texts
"""

"""Text to tokens: the same definition in training and in serving, and a part of every bundle.

tokenizer   a tokenizer by its name: tokens as strings for training, as bytes for serving
letters     `letters`: maximal runs of letters in lower case
words       where the words are in the bytes of tokenised texts
"""

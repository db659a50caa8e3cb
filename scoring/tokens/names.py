"""The names of the tokenizers; importing this loads nothing."""

from typing import Literal, get_args

TokenizerName = Literal["letters", "gensim", "fasttext"]
TOKENIZER_NAMES: tuple[TokenizerName, ...] = get_args(TokenizerName)

"""Imported by the fork server and by no other process: it makes what every worker shares and would else make itself.

Those are the tokenizers' tables of characters, and ICU with its dictionaries where it is installed. A worker inherits
the pages; its first text beyond Latin-1 would else take 120 ms, as that of every worker in its place.
"""

from scoring.tokens.names import TOKENIZER_NAMES
from scoring.tokens.tokenizer import Tokenizer

for _name in TOKENIZER_NAMES:
    Tokenizer(_name).load_tables()

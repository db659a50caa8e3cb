"""Text to tokens: the same function in training and in serving.

A token is a maximal run of letters (`str.isalpha`) of the text after `str.lower`, and nothing else is
normalised. A run longer than `MAX_TOKEN_LENGTH` characters is no token. Everything here is linear in the
length of the text.
"""

# No natural word is longer; a run of a million letters would cost seconds and half a gigabyte in n-grams.
# It is written into every bundle's manifest: a change makes all bundles of before unreadable.
MAX_TOKEN_LENGTH = 64

# For ASCII bytes, lower-casing and blanking what is no letter are one table look-up per character.
_ASCII_FOLDED = bytes(ord(chr(c).lower()) if chr(c).isalpha() else ord(" ") for c in range(128)) + b" " * 128


def tokenize(text: str, max_length: int = MAX_TOKEN_LENGTH) -> list[str]:
    """Return the tokens of `text` in order, each at most `max_length` characters long."""
    return [token for token in letters_only(text).split() if len(token) <= max_length]


def letters_only(text: str) -> str:
    """Return `text` in lower case with a space in place of everything that is no letter."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_FOLDED).decode("ascii")
    lowered = text.lower()
    return lowered.translate({ord(c): c if c.isalpha() else " " for c in set(lowered)})

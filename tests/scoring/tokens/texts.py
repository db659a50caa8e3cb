"""Texts of any characters, for the property tests of tokenizers."""

from hypothesis import strategies as st

ASCII = st.text(st.characters(max_codepoint=127))
# Characters that lower-case strangely, join letters, are marks, separate words, or lie beyond 16 bits.
ODD = (
    "İI\u0131ßẞΣσςǅ\u0307\u0301\u0323\u0344\u093f\u064e\u00ad\u200d\x00\n\u3000\x1c\x85\u00a0_²½Ⅷª中𐐀\U0001d400😀"
    "\ud800\udfff"
)
ANY = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=[])))

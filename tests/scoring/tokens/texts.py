"""Texts of any characters, for the property tests of tokenizers."""

from hypothesis import strategies as st

ASCII = st.text(st.characters(max_codepoint=127))
# Characters that lower-case strangely, are spelled out, belong to scripts without spaces, are marks, are dropped,
# separate words, or lie beyond 16 bits.
ODD = (
    "İI\u0131ßẞΣσςǅª²½Ⅷ_\u1e9b\ufb01\uff26\uff76\uff9e\ufdfa\ufe70\u212b"
    "日本語かながไทยกน้ำພາမြန်ខ្មែ中한"
    "\u0307\u0301\u0323\u0327\u0344\u0f73\u093f\u064e\u3099"
    "\u00ad\u200d\u0640\u034f\U000e0100\u200b\x00\n\u3000\x1c\x85\u00a0"
    "\U0001d400\U00010414😀\ud800\udfff"
)
ANY = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=[])))

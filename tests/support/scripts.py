# ruff: noqa: RUF001 - letters of other scripts look like Latin ones
"""Texts in twenty scripts, and the words in them as each tokenizer finds them.

`letters` is with the dictionaries of ICU 78. `gensim` is what `simple_preprocess` gives. `fasttext` is what
`fasttext.tokenize`
of the official library, fasttext-wheel 0.9.2, gave for these texts.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """A text, and the words in it with blanks between them."""

    script: str
    text: str
    letters: str
    gensim: str
    fasttext: str


ROWS = [
    Row(
        "Latin",
        "The U.S. didn't say 3.5 % of COVID-19 cases",
        "the u s didn t say of covid cases",
        "the didn say of covid cases",
        "The U.S. didn't say 3.5 % of COVID-19 cases",
    ),
    Row(
        "Latin, French",
        "L’été à Zürich – naïve cœur",
        "l été à zürich naïve cœur",
        "été zürich naïve cœur",
        "L’été à Zürich – naïve cœur",
    ),
    Row(
        "Latin, decomposed",
        "cafe\u0301 re\u0301sume\u0301",
        "café résumé",
        "cafe re sume",
        "cafe\u0301 re\u0301sume\u0301",
    ),
    Row(
        "Latin, German",
        "Straße STRASSE GROẞ",
        "straße strasse groß",
        "straße strasse groß",
        "Straße STRASSE GROẞ",
    ),
    Row(
        "Latin, Turkish",
        "İSTANBUL Isparta ılık",
        "istanbul isparta ılık",
        "stanbul isparta ılık",
        "İSTANBUL Isparta ılık",
    ),
    Row(
        "Latin, Vietnamese",
        "Việt Nam đất nước",
        "việt nam đất nước",
        "việt nam đất nước",
        "Việt Nam đất nước",
    ),
    Row(
        "Latin, forms",
        "ﬁle ＦＵＬＬ ｗｉｄｔｈ 𝐛𝐨𝐥𝐝 Windows™ x²",
        "file full width bold windows x",
        "ﬁle ｆｕｌｌ ｗｉｄｔｈ 𝐛𝐨𝐥𝐝 windows x²",
        "ﬁle ＦＵＬＬ ｗｉｄｔｈ 𝐛𝐨𝐥𝐝 Windows™ x²",
    ),
    Row(
        "Latin, hidden",
        "co\u00adoperate zero\u200bwidth bom\ufeffmark",
        "cooperate zero width bommark",
        "co operate zero width bom mark",
        "co\u00adoperate zero\u200bwidth bom\ufeffmark",
    ),
    Row("Greek", "ΟΔΥΣΣΕΥΣ, Ἀθῆναι", "οδυσσευς ἀθῆναι", "οδυσσευς ἀθῆναι", "ΟΔΥΣΣΕΥΣ, Ἀθῆναι"),
    Row(
        "Cyrillic",
        "Ёлка и Йод: Київ’щина",
        "ёлка и йод київ щина",
        "ёлка йод київ щина",
        "Ёлка и Йод: Київ’щина",
    ),
    Row("Armenian", "Եվ բարև, Հայաստան", "եվ բարև հայաստան", "եվ բարև հայաստան", "Եվ բարև, Հայաստան"),
    Row("Georgian", "საქართველო ᲗᲑᲘᲚᲘᲡᲘ", "საქართველო თბილისი", "საქართველო თბილისი", "საქართველო ᲗᲑᲘᲚᲘᲡᲘ"),
    Row("Hebrew", "שָׁלוֹם עולם", "שָׁלוֹם עולם", "לו עולם", "שָׁלוֹם עולם"),
    Row("Arabic, vowel signs", "مَدْرَسَةٌ كَبِيرَة", "مَدْرَسَةٌ كَبِيرَة", "ير", "مَدْرَسَةٌ كَبِيرَة"),
    Row("Arabic, forms", "ﻣﺪﺭﺳﺔ ﻻ العـــربية", "مدرسة لا العربية", "ﻣﺪﺭﺳﺔ العـــربية", "ﻣﺪﺭﺳﺔ ﻻ العـــربية"),
    Row("Arabic, Persian", "می\u200cخواهم کتاب", "میخواهم کتاب", "می خواهم کتاب", "می\u200cخواهم کتاب"),
    Row("Devanagari", "हिन्दी में समाचार", "हिन्दी में समाचार", "सम", "हिन्दी में समाचार"),
    Row("Bengali", "বাংলা ভাষা", "বাংলা ভাষা", "", "বাংলা ভাষা"),
    Row("Tamil", "தமிழ் மொழி", "தமிழ் மொழி", "தம", "தமிழ் மொழி"),
    Row("Thai", "ภาษาไทยน้ำท่วม", "ภาษา ไทย น้ำ ท่วม", "ภาษาไทยน ำท วม", "ภาษาไทยน้ำท่วม"),
    Row("Lao", "ພາສາລາວ", "ພາສາ ລາວ", "ພາສາລາວ", "ພາສາລາວ"),
    Row("Khmer", "ភាសាខ្មែរមិនមាន", "ភាសាខ្មែរ មិន មាន", "រម នម", "ភាសាខ្មែរមិនមាន"),
    Row("Burmese", "မြန်မာစာသည်", "မြန်မာ စာ သည်", "သည", "မြန်မာစာသည်"),
    Row(
        "Chinese",
        "北京是中国的首都。2008年",
        "北京 是 中国 的 首都 年",
        "北京是中国的首都",
        "北京是中国的首都。2008年",
    ),
    Row(
        "Japanese",
        "日本語の文章をiPhoneで書く ｶﾞｲﾄﾞ",
        "日本語 の 文章 を iphone で 書く ガイド",
        "ｶﾞｲﾄﾞ",
        "日本語の文章をiPhoneで書く ｶﾞｲﾄﾞ",
    ),
    Row(
        "Korean",
        "한국어는 띄어쓰기가 있다",
        "한국어는 띄어쓰기가 있다",
        "한국어는 띄어쓰기가 있다",
        "한국어는 띄어쓰기가 있다",
    ),
    Row("Ethiopic", "ሰላም፡ለዓለም።", "ሰላም ለዓለም", "ሰላም ለዓለም", "ሰላም፡ለዓለም።"),
    Row("Tibetan", "བོད་སྐད་ཡིག", "བོད སྐད ཡིག", "", "བོད་སྐད་ཡིག"),
]

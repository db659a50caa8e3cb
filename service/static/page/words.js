// The words of a text where they stand in it, as the service's tokenizers find them (scoring/tokens).

// Characters that mean nothing within a word; the zero-width space separates words instead.
const IGNORED = String.raw`(?!\u200b)[\p{Default_Ignorable_Code_Point}\u0640]`;
const LETTERS = new RegExp(String.raw`(?:[\p{L}\p{M}]|${IGNORED})+`, "gu");
const RUNS = {
  letters: LETTERS,
  gensim: /(?:(?!\p{Nd})[\p{L}\p{N}_])+/gu,
  fasttext: /[^ \t\n\v\f\r\0]+/g,
};

// Scripts that put no spaces between words: a run of them is several words, which the service separates.
const UNSPACED = String.raw`\p{Script_Extensions=Han}\p{Script_Extensions=Hiragana}\p{Script_Extensions=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}`;
const MARKED = String.raw`(?:\p{M}|${IGNORED})*`;
const SPANS = new RegExp(String.raw`(?:(?!\p{M})[${UNSPACED}]${MARKED})+|(?:(?![${UNSPACED}])\p{L}${MARKED})+`, "gu");
const UNSPACED_SPAN = new RegExp(`^[${UNSPACED}]`, "u");
const LETTER = new RegExp(String.raw`\p{L}${MARKED}`, "gu");

// Ligatures, full-width and half-width letters, presentation forms, mathematical letters.
const FORMS = /[\u2100-\u214f\ufb00-\ufdff\ufe70-\ufeff\uff00-\uffef\u{1d400}-\u{1d7ff}\u{1ee00}-\u{1eeff}]/gu;
const EVERY_IGNORED = new RegExp(IGNORED, "gu");

// Returns { start, end, word } for each place in `text` of one of `words`, a Map or Set of tokens, in order.
export function findWords(text, tokenizer, words) {
  const found = [];
  const lengths = tokenizer === "letters" ? unspacedLengths(words) : null;
  for (const { 0: run, index } of text.matchAll(RUNS[tokenizer])) {
    if (tokenizer === "letters") found.push(...ofLetters(run, index, words, lengths));
    else {
      // The lower case of a capital I with a dot has a mark, which separates words there.
      const parts = tokenizer === "gensim" ? run.toLowerCase().split(/\p{M}/u) : [run];
      const word = parts.find((part) => words.has(part));
      if (word !== undefined) found.push({ start: index, end: index + run.length, word });
    }
  }
  return found;
}

function ofLetters(run, at, words, lengths) {
  const found = [];
  for (const { 0: span, index } of run.matchAll(SPANS)) {
    const start = at + index;
    if (UNSPACED_SPAN.test(span)) found.push(...longest(span, start, words, lengths));
    else if (words.has(folded(span))) found.push({ start, end: start + span.length, word: folded(span) });
  }
  return found;
}

// The length of the longest word in scripts without spaces that begins with a letter, by that letter.
function unspacedLengths(words) {
  const lengths = new Map();
  for (const word of words.keys()) {
    if (UNSPACED_SPAN.test(word)) lengths.set(beginning(word), Math.max(word.length, lengths.get(beginning(word)) ?? 0));
  }
  return lengths;
}

// Without its marks, of which one can be a letter of its own in half width.
const beginning = (word) => String.fromCodePoint(word.normalize("NFD").codePointAt(0) ?? 0);

// The longest words from the left: of a dictionary's words nearly always the same, of pairs of letters every other.
function longest(span, at, words, lengths) {
  const letters = [...span.matchAll(LETTER)].map(({ 0: letter, index }) => ({ start: at + index, end: at + index + letter.length, letter }));
  const found = [];
  for (let first = 0; first < letters.length; ) {
    const most = lengths.get(beginning(folded(letters[first].letter))) ?? 0;
    // In half width a letter and its voicing mark are two, elsewhere one.
    let count = Math.min(2 * most, letters.length - first);
    const word = () => folded(letters.slice(first, first + count).map(({ letter }) => letter).join(""));
    while (count > 0 && !words.has(word())) count--;
    if (count > 0) found.push({ start: letters[first].start, end: letters[first + count - 1].end, word: word() });
    first += Math.max(count, 1);
  }
  return found;
}

function folded(letters) {
  const spelled = letters.replace(FORMS, (form) => form.normalize("NFKC")).replace(EVERY_IGNORED, "");
  return spelled.normalize("NFC").toLowerCase().replaceAll("i\u0307", "i").normalize("NFC");
}

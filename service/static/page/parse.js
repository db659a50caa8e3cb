// Files and pasted text to documents: {text} or {id, text}.

export class ParseError extends Error {}

export function fromLines(text) {
  return text.split(/\r?\n/).filter((line) => line.trim()).map((line) => ({ text: line }));
}

// `bytes`: an ArrayBuffer. As for the commands, a byte order mark says UTF-16, and what is not the encoding is no text.
export function fromFile(name, bytes) {
  const text = decoded(bytes);
  const kind = name.toLowerCase().split(".").at(-1);
  if (kind === "jsonl" || kind === "ndjson") return fromJsonLines(text);
  if (kind === "csv" || kind === "tsv") return fromCsv(text);
  return fromLines(text);
}

function decoded(bytes) {
  const [first, second] = new Uint8Array(bytes.slice(0, 2));
  const encoding = first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new ParseError(`it is not ${encoding.toUpperCase()}; save it as text in UTF-8`);
  }
}

export function fromJsonLines(text) {
  return text.split(/\r?\n/).flatMap((line, at) => {
    if (!line.trim()) return [];
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      throw new ParseError(`line ${at + 1} is not JSON`);
    }
    if (typeof value === "string") return [{ text: value }];
    if (typeof value?.text !== "string") throw new ParseError(`line ${at + 1} has no text under “text”`);
    return [named(value.id, value.text)];
  });
}

export function fromCsv(text) {
  const [head, ...rows] = csvRows(text);
  if (!head) return [];
  const names = head.map((name) => name.trim().toLowerCase());
  const column = names.indexOf("text");
  // A file of one column needs no name for it.
  if (column < 0 && head.length > 1) throw new ParseError("the first line of a .csv file names its columns; one must be “text”");
  const id = names.indexOf("id");
  const all = column < 0 ? [head, ...rows] : rows;
  return all.map((row) => named(id < 0 ? undefined : row[id], row[Math.max(0, column)] ?? "")).filter(({ text }) => text.trim());
}

function named(id, text) {
  return id === undefined || id === null || id === "" ? { text } : { id: String(id), text };
}

// The mark that gives the first line a column “text”: spreadsheets of countries with a decimal comma write semicolons.
function delimiterOf(text) {
  const [head] = text.split(/\r?\n/, 1);
  const named = (mark) => head.split(mark).some((name) => /^\s*"?text"?\s*$/i.test(name));
  return [...",;\t|"].find(named) ?? ",";
}

// RFC 4180: fields in quotes may hold commas, line breaks and doubled quotes.
function csvRows(text) {
  const rows = [];
  let row = [];
  const mark = delimiterOf(text);
  const field = new RegExp(`(?:"((?:[^"]|"")*)"|([^${mark}\\r\\n]*))([${mark}]|\\r?\\n|$)`, "gy");
  for (let match = field.exec(text); match; match = field.exec(text)) {
    row.push(match[1] === undefined ? match[2] : match[1].replaceAll('""', '"'));
    if (match[3] !== mark) {
      if (row.length > 1 || row[0] !== "") rows.push(row);
      row = [];
    }
    if (field.lastIndex >= text.length) {
      if (match[3] === mark) rows.push([...row, ""]);
      return rows;
    }
  }
  throw new ParseError(`the .csv file has a stray quote in row ${rows.length + 1}`);
}

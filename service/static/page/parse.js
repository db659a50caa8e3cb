// Files and pasted text to documents: {text} or {id, text}.

import { counted } from "./dom.js";

export class ParseError extends Error {}

export function fromLines(text) {
  return text.split(/\r?\n/).filter((line) => line.trim()).map((line) => ({ text: line }));
}

// `bytes`: an ArrayBuffer. As for the commands, a byte order mark says UTF-16, and what is not the encoding is no text.
export function fromFile(name, bytes) {
  const text = decoded(bytes);
  const kind = name.toLowerCase().split(".").at(-1);
  if (kind === "jsonl" || kind === "ndjson") return fromJsonLines(text);
  if (kind === "csv") return fromTable(text, ",;\t|");
  if (kind === "tsv") return fromTable(text, "\t");
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

// `marks`: what may separate columns, the first where the header does not show it.
function fromTable(text, marks) {
  const [head, ...rows] = rowsOf(text, delimiterOf(text, marks));
  if (!head) return [];
  const names = head.map((name) => name.trim().toLowerCase());
  const column = names.indexOf("text");
  // A file of one column needs no name for it.
  if (column < 0 && head.length > 1) throw new ParseError("the first line of a table names its columns; one must be “text”");
  // As the commands do: fewer or more columns are a comma in a text without quotes, which would cut the text off.
  const odd = rows.findIndex((row) => row.length !== head.length);
  if (odd >= 0) throw new ParseError(`row ${odd + 2} has ${counted(rows[odd].length, "column")}, the first ${head.length}; a text with a delimiter needs quotes`);
  const id = names.indexOf("id");
  const all = column < 0 ? [head, ...rows] : rows;
  return all.map((row) => named(id < 0 ? undefined : row[id], row[Math.max(0, column)] ?? "")).filter(({ text }) => text.trim());
}

function named(id, text) {
  return id === undefined || id === null || id === "" ? { text } : { id: String(id), text };
}

// The mark that gives the first line a column “text”: spreadsheets of countries with a decimal comma write semicolons.
function delimiterOf(text, marks) {
  const [head] = text.split(/\r?\n/, 1);
  const named = (mark) => head.split(mark).some((name) => /^\s*"?text"?\s*$/i.test(name));
  return [...marks].find(named) ?? marks[0];
}

// RFC 4180: fields in quotes may hold commas, line breaks and doubled quotes.
function rowsOf(text, mark) {
  const rows = [];
  let row = [];
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
  throw new ParseError(`the table has a stray quote in row ${rows.length + 1}`);
}

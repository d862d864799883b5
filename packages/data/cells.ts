/**
 * The cells of every CSV that Tiller writes. A text that a spreadsheet would run as a formula gets an apostrophe in
 * front, which spreadsheets take for "this is text"; where a file is known to be ours our reader takes it away again. A text that already has
 * apostrophes in front of such a sign gets one more, so that what is read is what was written. Plain numbers stay.
 */
const runs = /^'*[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;
const guarded = /^'+[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;
const number = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;

export const guardCell = (text: string): string =>
  runs.test(text) && !number.test(text) ? `'${text}` : text;
export const unguardCell = (text: string): string => (guarded.test(text) ? text.slice(1) : text);

/** The same in SQL, over an expression of text. */
export const guardSql = (sql: string): string =>
  `(select case when left(x, 1) in ('''', '=', '+', '-', '@', e'\\t', e'\\r', e'\\n', '\uff0b', '\uff0d', '\uff1d', '\uff20')
     and x ~ '^''*[-=+@\\t\\r\\n\uff0b\uff0d\uff1d\uff20]' and x !~ '^[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?$' then '''' || x else x end from (select ${sql} as x) c)`;

/** A cell: numbers as they are, texts guarded, quoted where they must be. */
export function csvCell(value: string | number): string {
  const text = typeof value === "string" ? guardCell(value) : String(value);
  return /[",;\t\n\r]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
/**
 * The line of column names. The last stands in quotes that it does not need, and no other does: so a reader of ours knows
 * that the guard comes off, other readers see no difference, and in others' files an apostrophe is the text's own.
 */
export const csvHeader = (names: readonly string[]): string =>
  `${names.map((n, i) => (i === names.length - 1 ? `"${n}"` : csvCell(n))).join(",")}\n`;
export const isOurs = (names: readonly string[], quoted: readonly boolean[]): boolean =>
  names.length > 1 &&
  names.every((n, i) => /^[\w.]+$/.test(n) && quoted[i] === (i === names.length - 1));

export const csvLine = (cells: readonly (string | number)[]): string =>
  `${cells.map(csvCell).join(",")}\n`;

/**
 * The cells of every CSV that Tiller writes. A text that a spreadsheet would run as a formula gets an apostrophe in
 * front, which spreadsheets take for "this is text"; our own reader takes it away again. A text that already has
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
export const csvLine = (cells: readonly (string | number)[]): string =>
  `${cells.map(csvCell).join(",")}\n`;

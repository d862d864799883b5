/**
 * CSV as RFC 4180 has it, out of pieces of text: quotes doubled, line ends and separators inside quotes, CRLF or LF.
 * Rows know the line on which they begin, whatever line ends stand in their cells.
 */
import { clipped, someOf } from "./json.ts";
import { BadRow } from "./row.ts";
import { isOurs, unguardCell } from "./cells.ts";

export interface CsvOptions {
  readonly separator?: string | undefined;
  /** spaces around cells that are not in quotes are taken away */
  readonly trim?: boolean;
  /** we wrote it: the apostrophe that guards formulas comes off (cells.ts). Unless said, as the header says it */
  readonly guarded?: boolean | undefined;
  /** characters that a row may have */
  readonly longest: number;
}
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
  /** of the first row: which cells stand in quotes */
  readonly quoted?: readonly boolean[] | undefined;
}
const MOST_COLUMNS = 10_000;

/** Rows of cells; empty lines and rows of nothing but separators are passed over. */
export async function* csvRows(
  pieces: AsyncIterable<string>,
  { separator = ",", trim = false, longest }: CsvOptions,
): AsyncGenerator<CsvRow> {
  let line = 1;
  let begun = 1; // the line on which the row begins
  let opened = 0; // the line on which the last quote was opened
  let cells: string[] = [];
  let cell = "";
  let state: "start" | "plain" | "quoted" | "closed" | "ended" = "start";
  let afterReturn = false;
  let size = 0;
  let rows = 0;
  let headerQuotes: boolean[] = []; // of the first row's cells, whether they stand in quotes

  const endCell = () => {
    if (cells.length >= MOST_COLUMNS)
      throw new BadRow(
        begun,
        `more than ${MOST_COLUMNS} columns. Is ${JSON.stringify(separator)} the separator?`,
      );
    const quoted = state !== "start" && state !== "plain";
    if (!rows) headerQuotes.push(quoted);
    cells.push(trim && !quoted ? cell.trim() : cell);
    cell = "";
    state = "start";
  };
  const endRow = (): CsvRow | undefined => {
    endCell();
    const row = { line: begun, cells, quoted: rows ? undefined : headerQuotes };
    cells = [];
    size = 0;
    if (row.cells.every((c) => c === "")) {
      headerQuotes = [];
      return undefined;
    }
    rows++;
    return row;
  };
  const tooLong = () =>
    new BadRow(
      begun,
      `the row has more than ${longest} characters${state === "quoted" ? `; a quote is opened on line ${opened} and not closed` : ""}. Is that one row?`,
    );

  for await (const text of pieces) {
    let from = 0; // what stands before it is in `cell` already
    const keep = (to: number) => {
      if (to > from) cell += text.slice(from, to);
      from = to;
    };
    for (let i = 0; i < text.length; i++) {
      const c = text[i]!;
      const newLine = c === "\r" || (c === "\n" && !afterReturn);
      const second = c === "\n" && afterReturn; // of CR LF
      afterReturn = c === "\r";
      if (newLine) line++;
      if (state === "quoted") {
        if (c === '"') {
          keep(i);
          from = i + 1;
          state = "closed";
        }
        continue;
      }
      if (second) {
        // the row ended at its CR
        from = i + 1;
        if (state === "start" && !cells.length) begun = line;
        continue;
      }
      if (c === separator) {
        keep(i);
        endCell();
        from = i + 1;
      } else if (newLine) {
        keep(i);
        const row = endRow();
        from = i + 1;
        begun = line;
        if (row) yield row;
      } else if (c === '"') {
        if (state === "closed") {
          state = "quoted"; // a doubled quote is one
          cell += '"';
          from = i + 1;
        } else if (
          state === "start" ||
          (trim && state === "plain" && !(cell + text.slice(from, i)).trim())
        ) {
          cell = "";
          from = i + 1;
          opened = line;
          state = "quoted";
        } else
          throw new BadRow(
            line,
            `a quote stands inside a cell that does not begin with one, after ${JSON.stringify(clipped(cell + text.slice(from, i)))}. Put the cell in quotes and double those inside`,
          );
      } else if (state === "start") state = "plain";
      else if (state !== "plain") {
        if (!(trim && /\s/.test(c)))
          throw new BadRow(
            line,
            `${JSON.stringify(c)} stands behind a closing quote; it was opened on line ${opened}. Double the quotes inside a cell`,
          );
        state = "ended";
        from = i + 1;
      }
    }
    size += text.length;
    keep(text.length);
    // what is begun is no longer than what is held
    if (size > longest && cell.length + cells.reduce((n, x) => n + x.length + 1, 0) > longest)
      throw tooLong();
  }
  if (state === "quoted")
    throw new BadRow(
      opened,
      "the quote that is opened here is never closed. Close it, or double it",
    );
  if (state !== "start" || cell || cells.length) {
    const row = endRow();
    if (row) yield row;
  }
}

/** Rows by the names of a header line; each with as many cells as it has. */
export async function* csvRecords(
  pieces: AsyncIterable<string>,
  o: CsvOptions,
): AsyncGenerator<{ line: number; record: Record<string, string>; columns: readonly string[] }> {
  let columns: readonly string[] | undefined;
  let guarded = o.guarded;
  for await (const { line, cells, quoted } of csvRows(pieces, o)) {
    if (!columns) {
      columns = headerOf(cells, line, o.separator ?? ",");
      guarded ??= isOurs(cells, quoted ?? []);
      continue;
    }
    if (cells.length !== columns.length)
      throw new BadRow(
        line,
        `${cells.length} cells where the header has ${columns.length} (${someOf(columns)})`,
      );
    const record: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [i, name] of columns.entries())
      record[name] = guarded ? unguardCell(cells[i]!) : cells[i]!;
    yield { line, record, columns };
  }
  if (!columns)
    throw new BadRow(1, "the file is empty: a CSV file begins with a line of column names");
}

function headerOf(cells: readonly string[], line: number, separator: string): readonly string[] {
  const seen = new Set<string>();
  const twice = cells.find((c) => seen.size === seen.add(c).size);
  if (twice !== undefined)
    throw new BadRow(line, `two columns are called ${JSON.stringify(clipped(twice))}. Rename one`);
  const other = [";", "\t", "|", ","].find((s) => s !== separator && cells[0]!.includes(s));
  if (cells.length === 1 && other)
    throw new BadRow(
      line,
      `one column, ${JSON.stringify(clipped(cells[0]!))}: the columns seem to be separated by ${other === "\t" ? "tabs" : other}. Say --separator ${other === "\t" ? "tab" : JSON.stringify(other)}`,
    );
  return cells;
}

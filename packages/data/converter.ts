/** What every converter of a published set is made of: what its rows must have, and how an answer is made of one. */
import type { z } from "zod";
import type { Column } from "./columns.ts";
import type { ImportedType } from "./imported-types.ts";
import type { DirtyRow, Mapped } from "./mapped.ts";
import { parsedRow, type SourceRow } from "./row.ts";

type Cell = Pick<Column, "name" | "kind" | "nullable">;
/** What a row says: an answer, several, or in their place what a policy may leave out. */
export type Said = Mapped | DirtyRow | readonly (Mapped | DirtyRow)[];
export interface Converter {
  readonly type: ImportedType;
  /** where its rows are not all of one kind of work: the others */
  readonly also?: ImportedType;
  /** columns that CSV and Parquet hold as text of another kind */
  readonly cells?: readonly Cell[];
  /** a row as it is read; what must be there is checked, further columns become its source */
  readonly convert: (s: SourceRow) => Said;
}
export const cell = (kind: Cell["kind"], ...names: string[]): Cell[] =>
  names.map((name) => ({ name, kind, nullable: true }));
export const without = (row: Readonly<Record<string, unknown>>, ...names: readonly string[]) =>
  Object.fromEntries(
    Object.entries(row).filter(([k, v]) => !names.includes(k) && v !== null && v !== undefined),
  );

export const converter = <T>(
  type: ImportedType,
  schema: z.ZodType<T>,
  convert: (row: T, line: number, all: SourceRow["row"]) => Said,
  cells?: readonly Cell[],
): Converter => ({
  type,
  ...(cells ? { cells } : {}),
  convert: ({ row, line }) => convert(parsedRow(schema, row, line), line, row),
});

/** Such a table as the bytes of a file. */
import { parquetWriteBuffer } from "hyparquet-writer";
import type { FileKind } from "@tiller/schema";
import { csvHeader, csvLine } from "./cells.ts";
import { flat, Worded } from "./project-table.ts";
import type { Table } from "./table.ts";

const plain = (value: unknown) => (value instanceof Worded ? value.words : flat(value));

const text = (s: string) => new TextEncoder().encode(s); // in memory of its own, which a thread can hand over

export function encodeTable({ columns, table }: Table, as: FileKind): Uint8Array {
  if (as === "jsonl")
    return text(table.map((r) => `${JSON.stringify(Object.fromEntries(r))}\n`).join(""));
  if (as === "csv")
    return text(
      csvHeader(columns) +
        table
          .map((r) =>
            csvLine(
              columns.map((c) => {
                const cell = plain(r.get(c));
                return typeof cell === "boolean" ? String(cell) : cell;
              }),
            ),
          )
          .join(""),
    );
  const columnData = columns.map((name) => {
    const cells = table.map((r) => r.get(name) ?? null);
    const known = cells.filter((c) => c !== null);
    const all = (type: string) => known.length > 0 && known.every((c) => typeof c === type);
    if (all("number")) return { name, data: cells, type: "DOUBLE" as const, nullable: true };
    if (all("boolean")) return { name, data: cells, type: "BOOLEAN" as const, nullable: true };
    const data = cells.map((c) => (c === null ? null : String(plain(c))));
    return { name, data, type: "STRING" as const, nullable: true };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

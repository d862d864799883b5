/** A project's results before they become the bytes of a file. */
import type { ProjectExportCounts } from "@tiller/schema";

export type TableRow = ReadonlyMap<string, unknown>;
export interface Table extends ProjectExportCounts {
  readonly columns: readonly string[];
  readonly table: readonly TableRow[];
}

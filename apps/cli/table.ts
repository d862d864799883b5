/** A plain-text table: the first column to the left, the others to the right. */
import { largest } from "@tiller/schema";

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const width = head.map((_, c) => largest(all.map((r) => r[c]!.length)));
  return all
    .map((r) =>
      r
        .map((x, c) => (c === 0 ? x.padEnd(width[c]!) : x.padStart(width[c]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Rows of a dataset found, sorted and compared by what its card knows of each: no row is read but those that are shown. */
import { open } from "node:fs/promises";
import type { ChangesQuery, DatasetChanges, ExamplesQuery } from "@tiller/schema";
import { blobFile } from "@tiller/store";
import { canonical } from "@tiller/store/canonical.ts";
import type { RowColumns } from "./card.ts";

/** With the byte that each row begins at, and where the last one ends. */
export interface DatasetIndex extends RowColumns {
  readonly begin: readonly number[];
}

type Order = (index: DatasetIndex) => (i: number) => number | null;
/** What rows go by, the least first; where nothing is known of a row it stands last. */
const orders: Readonly<Record<ExamplesQuery["sort"], Order>> = {
  place: () => (i) => i,
  disagreement: (x) => (i) => x.agreement[i]!,
  agreement: (x) => (i) => less(x.agreement[i]!),
  weakest: (x) => (i) => x.strength[i]!,
  strongest: (x) => (i) => less(x.strength[i]!),
  longest: (x) => (i) => less(x.difference[i]!),
  shortest: (x) => (i) => x.difference[i]!,
  heaviest: (x) => (i) => less(x.weight[i] ?? 1),
  size: (x) => (i) => less(x.size[i]!),
};
const less = (x: number | null): number | null => (x === null ? null : -x);

/** Places of the rows that are asked for, in their order; `shared`: of those that another dataset has. */
export function exampleRows(
  x: DatasetIndex,
  q: Omit<ExamplesQuery, "offset" | "limit">,
  shared: readonly number[] | undefined,
): number[] {
  const groups = groupSizes(x);
  const parts: Readonly<Record<ExamplesQuery["part"], (i: number) => boolean>> = {
    all: () => true,
    disputed: (i) => x.agreement[i] !== null && x.agreement[i]! < 1,
    agreed: (i) => x.agreement[i] === 1,
    near: (i) => groups.get(x.first[i]!)! > 1,
    same: (i) => x.same[i] !== i,
    unjudged: (i) => x.by[i]!.length === 0,
  };
  const person = q.rater === undefined ? undefined : x.people.indexOf(q.rater);
  const source = q.source === undefined ? undefined : x.sources.indexOf(q.source);
  const split = q.split === undefined ? undefined : x.splits.indexOf(q.split);
  const others = shared && new Set(shared);
  const found: number[] = [];
  for (let i = 0; i < x.hash.length; i++)
    if (
      parts[q.part](i) &&
      (person === undefined || x.by[i]!.includes(person)) &&
      (source === undefined || x.source[i] === source) &&
      (split === undefined || x.split[i] === split) &&
      (q.row === undefined || x.first[i] === x.first[q.row]) &&
      (!others || others.has(i))
    )
      found.push(i);
  if (q.sort === "place") return found;
  const order = orders[q.sort](x);
  const known = found.filter((i) => order(i) !== null);
  return [
    ...known.toSorted((i, j) => order(i)! - order(j)! || i - j),
    ...found.filter((i) => order(i) === null),
  ];
}
/** Rows of each group of near-duplicates, by its first. */
export function groupSizes(x: DatasetIndex): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const first of x.first) sizes.set(first, (sizes.get(first) ?? 0) + 1);
  return sizes;
}

/** Rows by their places, as they were saved. */
export async function rowsAt(
  home: string,
  blob: string,
  x: DatasetIndex,
  places: readonly number[],
): Promise<Record<string, unknown>[]> {
  await using file = await open(blobFile(home, blob));
  const rows: Record<string, unknown>[] = [];
  for (const i of places) {
    const [from, to] = [x.begin[i]!, x.begin[i + 1]!];
    const { buffer } = await file.read(Buffer.alloc(to - from), 0, to - from, from);
    const row: unknown = JSON.parse(buffer.toString());
    rows.push(
      typeof row === "object" && row !== null && !Array.isArray(row)
        ? (row as Record<string, unknown>)
        : { value: row },
    );
  }
  return rows;
}

interface Change {
  readonly kind: "added" | "removed" | "changed";
  readonly key: string;
  /** places in the older and the newer */
  readonly before: number | null;
  readonly after: number | null;
}
type Counted = Omit<DatasetChanges, "rows" | "total">;
/** Between an older version and a newer one. */
export function changesBetween(
  old: DatasetIndex,
  now: DatasetIndex,
): Counted & { changes: Change[] } {
  const named = areNamed(old) && areNamed(now);
  const keys = named ? [old.key, now.key] : [old.hash, now.hash];
  // rows without names may stand twice: each is one of its kind
  const before = Map.groupBy(keys[0]!.keys(), (i) => keys[0]![i]!);
  const changes: Change[] = [];
  const kept: [number, number][] = [];
  for (const [i, key] of keys[1]!.entries()) {
    const was = before.get(key!)?.shift();
    if (was === undefined) changes.push({ kind: "added", key: key!, before: null, after: i });
    else if (old.hash[was] !== now.hash[i]) {
      changes.push({ kind: "changed", key: key!, before: was, after: i });
      kept.push([was, i]);
    } else kept.push([was, i]);
  }
  for (const [key, left] of before)
    for (const i of left) changes.push({ kind: "removed", key: key!, before: i, after: null });
  const of = (kind: Change["kind"]) => changes.filter((c) => c.kind === kind).length;
  return {
    known: named ? "its task or id" : "all that it says",
    kept: kept.length - of("changed"),
    moved: kept.some(([was], n) => n > 0 && was < kept[n - 1]![0]),
    added: of("added"),
    removed: of("removed"),
    changed: of("changed"),
    changes,
  };
}
const areNamed = (x: DatasetIndex): boolean =>
  x.key.every((k) => k !== null) && new Set(x.key).size === x.key.length;

/** The changes that are shown, with their rows. */
export async function changesShown(
  home: string,
  { since, id }: Readonly<Record<"since" | "id", { blob: string; index: DatasetIndex }>>,
  q: Omit<ChangesQuery, "since">,
): Promise<DatasetChanges> {
  const { changes, ...counted } = changesBetween(since.index, id.index);
  const wanted = changes.filter((c) => q.kind === undefined || c.kind === q.kind);
  const page = wanted.slice(q.offset, q.offset + q.limit);
  const read = async (of: typeof since, places: readonly (number | null)[]) => {
    const there = places.filter((p) => p !== null);
    const rows = await rowsAt(home, of.blob, of.index, there);
    return places.map((p) => (p === null ? null : rows[there.indexOf(p)]!));
  };
  const before = await read(
    since,
    page.map((c) => c.before),
  );
  const after = await read(
    id,
    page.map((c) => c.after),
  );
  return {
    ...counted,
    total: wanted.length,
    rows: page.map(({ kind, key }, i) => ({
      kind,
      key,
      before: before[i],
      after: after[i],
      fields: kind === "changed" ? differing(before[i]!, after[i]!) : [],
    })),
  };
}
const differing = (
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): string[] => {
  const [left, right] = [a, b].map((x) => new Map(Object.entries(x)));
  return [...new Set([...left!.keys(), ...right!.keys()])].filter(
    (k) => canonical(left!.get(k)) !== canonical(right!.get(k)),
  );
};

/** Batches: named arrays with one row an example, and what is done to them before a program sees them. */
import { TillerError } from "@tiller/schema";
import { type DType, sizeOf } from "@tiller/tensor";

/** An array with its shape; the first axis is rows of the batch. */
export interface Field {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  /** default: float32 */
  readonly dtype?: Extract<DType, "float32" | "int64">;
}
export type Batch = Readonly<Record<string, Field>>;

/** ids padded on the right to `length` -> field (rows, length). */
export const tokens = (rows: readonly (readonly number[])[], length: number): Field => {
  const long = rows.find((r) => r.length > length);
  if (long)
    throw new TillerError(
      "too_long",
      `a row of ${long.length} tokens does not fit into ${length}. Give a larger length, or cut it.`,
    );
  const data = new Int32Array(rows.length * length);
  rows.forEach((r, b) => data.set(r, b * length));
  return { shape: [rows.length, length], data, dtype: "int64" };
};
/** Lengths come in steps, so that few programs serve all batches: multiples of 16, above 128 of 64. */
export const bucket = (length: number, positions = Infinity): number => {
  const unit = length > 128 ? 64 : 16;
  return Math.min(positions, Math.max(unit, Math.ceil(length / unit) * unit));
};

/** Rows from, up to but not including `to`. */
export const part = (f: Field, from: number, to: number): Field => {
  const row = sizeOf(f.shape.slice(1));
  const [start, end] = [from * row, to * row];
  const data =
    f.data instanceof Float32Array || f.data instanceof Int32Array
      ? f.data.subarray(start, end)
      : (Array.prototype.slice.call(f.data, start, end) as number[]);
  return { ...f, shape: [to - from, ...f.shape.slice(1)], data };
};

export const sumOf = (xs: ArrayLike<number>): number => {
  let s = 0;
  for (let i = 0; i < xs.length; i++) s += xs[i]!;
  return s;
};
/** What a loss that averages by a field of its batch is divided by: the field's sum. */
export const byField =
  (name: string) =>
  (batch: Batch): number =>
    sumOf(batch[name]!.data);

/** Arrays one after another. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const out = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

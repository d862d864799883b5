/**
 * How sure the scores of `bradleyTerry` are: Laplace's approximation, the inverse of the information at the fit, with
 * people's sharpness taken as known. Groups of items that nobody compared with each other are inverted apart.
 */
import { TillerError } from "@tiller/schema";
import { type BradleyTerry, type Compared, groupsOf, outcomes } from "./bradley-terry.ts";

/** Items of one connected group; beyond this the inverse takes minutes. */
const MOST = 1500;

export function scoreIntervals(
  rows: readonly Compared[],
  fit: BradleyTerry,
  o: { spread?: number } = {},
): ReadonlyMap<string, { at: number; sd: number; low: number; high: number }> {
  const { spread = 1.5 } = o;
  const names = [...fit.score.keys()];
  const numbers = new Map(names.map((item, i) => [item, i]));
  const group = groupsOf(
    names.length,
    rows.map((r) => [numbers.get(r.a)!, numbers.get(r.b)!] as const),
  );
  const root = (item: string): number => group[numbers.get(item)!]!;
  const groups = Map.groupBy(names, root);
  const byGroup = Map.groupBy(rows, (r) => root(r.a));
  const out = new Map<string, { at: number; sd: number; low: number; high: number }>();
  for (const [name, items] of groups) {
    if (items.length > MOST)
      throw new TillerError(
        "too_many_items",
        `${items.length} items hang together; intervals are worked out for ${MOST} at most. Ask for a topic at a time.`,
      );
    const n = items.length;
    const place = new Map(items.map((item, i) => [item, i]));
    const information = new Float64Array(n * n);
    for (let i = 0; i < n; i++) information[i * n + i] = 1 / spread ** 2;
    for (const r of byGroup.get(name) ?? []) {
      const sharp = fit.sharpness.get(r.rater) ?? 1;
      const [a, b] = [place.get(r.a)!, place.get(r.b)!];
      const d =
        sharp * (fit.score.get(r.b)! - fit.score.get(r.a)!) +
        (r.swap === undefined ? 0 : fit.left * (r.swap ? 1 : -1)) +
        fit.length * (r.longer ?? 0);
      const p = outcomes(d, fit.nu * (fit.ties.get(r.rater) ?? 1));
      const v = (sharp ** 2 * (p.a + p.b - (p.b - p.a) ** 2)) / 4;
      information[a * n + a] += v;
      information[b * n + b] += v;
      information[a * n + b] -= v;
      information[b * n + a] -= v;
    }
    // the group's level is no estimate, it is set to 0: what the prior leaves open of it does not count
    const sd = inverseDiagonal(information, n).map((v) =>
      Math.sqrt(Math.max(0, v - spread ** 2 / n)),
    );
    items.forEach((item, i) => {
      const at = fit.score.get(item)!;
      out.set(item, { at, sd: sd[i], low: at - 1.96 * sd[i], high: at + 1.96 * sd[i] });
    });
  }
  return out;
}

/** The diagonal of the inverse of a positive definite matrix, by Cholesky: overwrites it. */
function inverseDiagonal(m: Float64Array, n: number): Float64Array {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = m[i * n + j];
      for (let k = 0; k < j; k++) sum -= m[i * n + k] * m[j * n + k];
      m[i * n + j] = i === j ? Math.sqrt(sum) : sum / m[j * n + j];
    }
  }
  // columns of the inverse of L; their squares add up to the diagonal
  const out = new Float64Array(n);
  const x = new Float64Array(n);
  for (let c = 0; c < n; c++) {
    x.fill(0);
    for (let i = c; i < n; i++) {
      let sum = i === c ? 1 : 0;
      for (let k = c; k < i; k++) sum -= m[i * n + k] * x[k];
      x[i] = sum / m[i * n + i];
      out[c] += x[i] ** 2;
    }
  }
  return out;
}

/**
 * Scores of items from people's comparisons (Bradley and Terry 1952), with what real comparisons have besides:
 * ties (Davidson 1970), people who differ in sharpness (a discrimination a person, as in item response theory) and in
 * how readily they call a tie, the pull of the left side, and that of the longer text.
 *
 *   d = sharpness[rater] (score[b] - score[a]) + left [a is on the left ? -1 : 1] + length (longer b by how much)
 *   P(b) : P(a) : P(tie) = exp(d / 2) : exp(-d / 2) : nu ties[rater]
 *
 * Maximum a posteriori under score ~ N(0, spread^2) and log sharpness, log ties ~ N(0, 0.5^2), by L-BFGS until the gradient
 * is 0 to one part in a million (`converged` says whether it came to that). Comparisons say nothing of a group's level: each
 * group of items that hang together has mean 0, which is where the prior puts it, so groups that nobody compared with each
 * other are not comparable by level.
 */
import { ascend } from "./ascend.ts";

export interface Compared {
  readonly rater: string;
  readonly a: string;
  readonly b: string;
  readonly choice: "a" | "b" | "tie";
  /** b was shown on the left (or first); unknown: no side effect */
  readonly swap?: boolean | undefined;
  /** how much longer b is than a, in any unit used throughout, e.g. the difference of log lengths */
  readonly longer?: number | undefined;
}

export interface BradleyTerryOptions {
  /** a sharpness a person; off: everyone alike (plain Bradley-Terry) */
  readonly raters?: boolean;
  readonly side?: boolean;
  readonly length?: boolean;
  /** prior standard deviation of scores */
  readonly spread?: number;
  readonly iterations?: number;
}

export interface BradleyTerry {
  readonly score: ReadonlyMap<string, number>;
  /** 1 is ordinary, near 0 chooses blindly; empty for plain Bradley-Terry */
  readonly sharpness: ReadonlyMap<string, number>;
  /** how much more readily than others the person calls it a tie, a factor on nu; empty likewise */
  readonly ties: ReadonlyMap<string, number>;
  /** log-odds that the left side gains */
  readonly left: number;
  readonly length: number;
  readonly nu: number;
  /** whether the maximum was found, in how many steps, and the largest slope that was left */
  readonly converged: boolean;
  readonly steps: number;
  readonly slope: number;
  /** probabilities of the three outcomes; an unknown item scores 0, an unknown rater is ordinary */
  readonly predict: (c: Omit<Compared, "choice">) => { a: number; b: number; tie: number };
}

const PERSON_SPREAD = 0.5;

export function bradleyTerry(rows: readonly Compared[], o: BradleyTerryOptions = {}): BradleyTerry {
  const { raters = true, side = false, length = false, spread = 1.5, iterations = 1000 } = o;
  const items = index(rows.flatMap((r) => [r.a, r.b]));
  const people = index(rows.map((r) => r.rater));
  // one vector of parameters: scores, log sharpness, tie habits, then log nu, left, length
  const [I, W] = [items.size, raters ? people.size : 0];
  const [NU, LEFT, LENGTH] = [I + 2 * W, I + 2 * W + 1, I + 2 * W + 2];
  const x = new Float64Array(LENGTH + 1);
  const hasTies = rows.some((r) => r.choice === "tie");
  x[NU] = hasTies ? Math.log(0.5) : 0; // without ties it is not read
  const [a, b, w] = (["a", "b", "rater"] as const).map((k) =>
    Int32Array.from(rows, (r) => (k === "rater" ? I + people.get(r[k])! : items.get(r[k])!)),
  ) as [Int32Array, Int32Array, Int32Array];
  const chose = Int8Array.from(rows, (r) => (r.choice === "b" ? 1 : r.choice === "a" ? -1 : 0));
  const onLeft = Int8Array.from(rows, (r) =>
    side && r.swap !== undefined ? (r.swap ? 1 : -1) : 0,
  );
  const longer = Float64Array.from(rows, (r) => (length ? (r.longer ?? 0) : 0));

  /** the log posterior at x, less what does not depend on it; its slope goes to g */
  const posterior = (x: Float64Array, g: Float64Array): number => {
    g.fill(0);
    let value = 0;
    for (let r = 0; r < chose.length; r++) {
      const sharp = raters ? Math.exp(x[w[r]]) : 1;
      const gap = x[b[r]] - x[a[r]];
      const p = outcomes(
        sharp * gap + x[LEFT] * onLeft[r] + x[LENGTH] * longer[r],
        hasTies ? Math.exp(x[NU] + (raters ? x[w[r] + W] : 0)) : 0,
      );
      value += Math.log(
        Math.max(Number.MIN_VALUE, chose[r] > 0 ? p.b : chose[r] < 0 ? p.a : p.tie),
      );
      const d = (chose[r] - (p.b - p.a)) / 2;
      g[b[r]] += d * sharp;
      g[a[r]] -= d * sharp;
      g[LEFT] += d * onLeft[r];
      g[LENGTH] += d * longer[r];
      const tied = hasTies ? (chose[r] === 0 ? 1 : 0) - p.tie : 0;
      g[NU] += tied;
      if (!raters) continue;
      g[w[r]] += d * sharp * gap;
      g[w[r] + W] += tied;
    }
    for (let i = 0; i < I + 2 * W; i++) {
      const precision = 1 / (i < I ? spread : PERSON_SPREAD) ** 2;
      g[i] -= x[i] * precision;
      value -= (x[i] ** 2 * precision) / 2;
    }
    return value;
  };
  const found = ascend(x, posterior, {
    steps: iterations,
    enough: 1e-6 * Math.max(1, rows.length / I),
  });
  centre(
    x,
    [...a].map((i, r): [number, number] => [i, b[r]]),
    I,
  );

  const at = (names: ReadonlyMap<string, number>, from: number, f: (v: number) => number) =>
    new Map([...names].map(([name, i]) => [name, f(x[from + i])]));
  const score = at(items, 0, (v) => v);
  const sharpness = raters ? at(people, I, Math.exp) : new Map<string, number>();
  const ties = raters ? at(people, I + W, Math.exp) : new Map<string, number>();
  const [left, perLength, nu] = [x[LEFT], x[LENGTH], hasTies ? Math.exp(x[NU]) : 0];
  return {
    score,
    sharpness,
    ties,
    left,
    length: perLength,
    nu,
    ...found,
    predict: (c) =>
      outcomes(
        (sharpness.get(c.rater) ?? 1) * ((score.get(c.b) ?? 0) - (score.get(c.a) ?? 0)) +
          (c.swap === undefined ? 0 : left * (c.swap ? 1 : -1)) +
          perLength * (c.longer ?? 0),
        nu * (ties.get(c.rater) ?? 1),
      ),
  };
}

/** Davidson 1970: probabilities of b, a and a tie at log-odds d of b against a. */
export function outcomes(d: number, nu: number): { a: number; b: number; tie: number } {
  const top = Math.abs(d) / 2; // keeps the exponentials in range
  const [b, a, tie] = [Math.exp(d / 2 - top), Math.exp(-d / 2 - top), nu * Math.exp(-top)];
  const z = a + b + tie;
  return { a: a / z, b: b / z, tie: tie / z };
}

function index(names: readonly string[]): Map<string, number> {
  const out = new Map<string, number>();
  for (const name of names) if (!out.has(name)) out.set(name, out.size);
  return out;
}

/** Takes the mean off the scores of each group of items that hang together. */
function centre(
  x: Float64Array,
  compared: readonly (readonly [number, number])[],
  items: number,
): void {
  const group = groupsOf(items, compared);
  const [sum, n] = [new Float64Array(items), new Float64Array(items)];
  for (let i = 0; i < items; i++) {
    sum[group[i]] += x[i];
    n[group[i]]++;
  }
  for (let i = 0; i < items; i++) x[i] -= sum[group[i]] / n[group[i]];
}
/** The least item of the group that each of `n` items hangs together with. */
export function groupsOf(n: number, compared: Iterable<readonly [number, number]>): Int32Array {
  const parent = Int32Array.from({ length: n }, (_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (parent[at] !== at) at = parent[at] = parent[parent[at]];
    return at;
  };
  for (const [i, j] of compared) {
    const [p, q] = [root(i), root(j)];
    parent[Math.max(p, q)] = Math.min(p, q);
  }
  return parent.map((_, i) => root(i));
}

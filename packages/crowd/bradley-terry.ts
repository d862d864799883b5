/**
 * Scores of items from people's comparisons (Bradley and Terry 1952), with what real comparisons have besides:
 * ties (Davidson 1970), people who differ in sharpness (a discrimination a person, as in item response theory) and in
 * how readily they call a tie, the pull of the left side, and that of the longer text.
 *
 *   d = sharpness[rater] (score[b] - score[a]) + left [a is on the left ? -1 : 1] + length (longer b by how much)
 *   P(b) : P(a) : P(tie) = exp(d / 2) : exp(-d / 2) : nu ties[rater]
 *
 * Maximum a posteriori under score ~ N(0, spread^2) and log sharpness, log ties ~ N(0, 0.5^2), by Adam on the whole
 * data. Scores of groups that nobody compared with each other share only the prior's zero.
 */
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
  /** probabilities of the three outcomes; an unknown item scores 0, an unknown rater is ordinary */
  readonly predict: (c: Omit<Compared, "choice">) => { a: number; b: number; tie: number };
}

const PERSON_SPREAD = 0.5;

export function bradleyTerry(rows: readonly Compared[], o: BradleyTerryOptions = {}): BradleyTerry {
  const { raters = true, side = false, length = false, spread = 1.5, iterations = 400 } = o;
  const items = index(rows.flatMap((r) => [r.a, r.b]));
  const people = index(rows.map((r) => r.rater));
  // one vector of parameters: scores, log sharpness, tie habits, then log nu, left, length
  const [I, W] = [items.size, raters ? people.size : 0];
  const [NU, LEFT, LENGTH] = [I + 2 * W, I + 2 * W + 1, I + 2 * W + 2];
  const x = new Float64Array(LENGTH + 1);
  const hasTies = rows.some((r) => r.choice === "tie");
  x[NU] = hasTies ? Math.log(0.5) : -Infinity;
  const [a, b, w] = (["a", "b", "rater"] as const).map((k) =>
    Int32Array.from(rows, (r) => (k === "rater" ? I + people.get(r[k])! : items.get(r[k])!)),
  ) as [Int32Array, Int32Array, Int32Array];
  const chose = Int8Array.from(rows, (r) => (r.choice === "b" ? 1 : r.choice === "a" ? -1 : 0));
  const onLeft = Int8Array.from(rows, (r) =>
    side && r.swap !== undefined ? (r.swap ? 1 : -1) : 0,
  );
  const longer = Float64Array.from(rows, (r) => (length ? (r.longer ?? 0) : 0));

  const gradient = (g: Float64Array) => {
    g.fill(0);
    for (let r = 0; r < chose.length; r++) {
      const sharp = raters ? Math.exp(x[w[r]]) : 1;
      const gap = x[b[r]] - x[a[r]];
      const p = outcomes(
        sharp * gap + x[LEFT] * onLeft[r] + x[LENGTH] * longer[r],
        Math.exp(x[NU] + (raters ? x[w[r] + W] : 0)),
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
    for (let i = 0; i < I; i++) g[i] -= x[i] / spread ** 2;
    for (let i = I; i < I + 2 * W; i++) g[i] -= x[i] / PERSON_SPREAD ** 2;
  };
  ascend(x, gradient, iterations);

  const at = (names: ReadonlyMap<string, number>, from: number, f: (v: number) => number) =>
    new Map([...names].map(([name, i]) => [name, f(x[from + i])]));
  const score = at(items, 0, (v) => v);
  const sharpness = raters ? at(people, I, Math.exp) : new Map<string, number>();
  const ties = raters ? at(people, I + W, Math.exp) : new Map<string, number>();
  const [left, perLength, nu] = [x[LEFT], x[LENGTH], Math.exp(x[NU])];
  return {
    score,
    sharpness,
    ties,
    left,
    length: perLength,
    nu,
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

/** Adam upwards, its step falling linearly to zero; the objective is concave in the scores. */
function ascend(x: Float64Array, gradient: (g: Float64Array) => void, iterations: number): void {
  const [g, m, v] = [0, 0, 0].map(() => new Float64Array(x.length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let t = 1; t <= iterations; t++) {
    gradient(g);
    const rate = 0.1 * (1 - (t - 1) / iterations);
    for (let i = 0; i < x.length; i++) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.99 * v[i] + 0.01 * g[i] ** 2;
      if (v[i] > 0)
        x[i] += (rate * (m[i] / (1 - 0.9 ** t))) / (Math.sqrt(v[i] / (1 - 0.99 ** t)) + 1e-8);
    }
  }
}

/**
 * Scores of items from people's comparisons (Bradley and Terry 1952), with what real comparisons have besides:
 * ties (Davidson 1970), people of different sharpness (Chen et al. 2013's concern, here as a discrimination a person,
 * as in item response theory), the pull of the left side, and that of the longer text.
 *
 *   d = sharpness[rater] (score[b] - score[a]) + left [a is on the left ? -1 : 1] + length (longer b by how much)
 *   P(b) : P(a) : P(tie) = exp(d / 2) : exp(-d / 2) : nu
 *
 * Maximum a posteriori under score ~ N(0, spread^2), log sharpness ~ N(0, 0.5^2), by Adam on the whole data. Scores of
 * groups that nobody compared with each other share only the prior's zero.
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
  /** log-odds that the left side gains */
  readonly left: number;
  readonly length: number;
  readonly nu: number;
  /** probabilities of the three outcomes; an unknown item scores 0, an unknown rater is ordinary */
  predict(c: Omit<Compared, "choice">): { a: number; b: number; tie: number };
}

const SHARPNESS_SPREAD = 0.5;

export function bradleyTerry(rows: readonly Compared[], o: BradleyTerryOptions = {}): BradleyTerry {
  const { raters = true, side = false, length = false, spread = 1.5, iterations = 400 } = o;
  const items = index(rows.flatMap((r) => [r.a, r.b]));
  const people = index(rows.map((r) => r.rater));
  // one vector of parameters: scores, log sharpness, then log nu, left, length
  const [I, W] = [items.size, raters ? people.size : 0];
  const [NU, LEFT, LENGTH] = [I + W, I + W + 1, I + W + 2];
  const x = new Float64Array(I + W + 3);
  x[NU] = Math.log(0.5);
  const packed = rows.map((r) => ({
    a: items.get(r.a)!,
    b: items.get(r.b)!,
    w: I + people.get(r.rater)!,
    choice: r.choice,
    side: side && r.swap !== undefined ? (r.swap ? 1 : -1) : 0,
    longer: length ? (r.longer ?? 0) : 0,
  }));
  const hasTies = rows.some((r) => r.choice === "tie");
  if (!hasTies) x[NU] = -Infinity;

  const gradient = (g: Float64Array) => {
    g.fill(0);
    for (const r of packed) {
      const sharp = raters ? Math.exp(x[r.w]) : 1;
      const gap = x[r.b] - x[r.a];
      const p = outcomes(sharp * gap + x[LEFT] * r.side + x[LENGTH] * r.longer, Math.exp(x[NU]));
      const d = ((r.choice === "b" ? 1 : r.choice === "a" ? -1 : 0) - (p.b - p.a)) / 2;
      g[r.b] += d * sharp;
      g[r.a] -= d * sharp;
      if (raters) g[r.w] += d * sharp * gap;
      g[LEFT] += d * r.side;
      g[LENGTH] += d * r.longer;
      if (hasTies) g[NU] += (r.choice === "tie" ? 1 : 0) - p.tie;
    }
    for (let i = 0; i < I; i++) g[i] -= x[i] / spread ** 2;
    for (let w = I; w < I + W; w++) g[w] -= x[w] / SHARPNESS_SPREAD ** 2;
  };
  ascend(x, gradient, iterations);

  const at = (names: ReadonlyMap<string, number>, from: number, f: (v: number) => number) =>
    new Map([...names].map(([name, i]) => [name, f(x[from + i])]));
  const score = at(items, 0, (v) => v);
  const sharpness = raters ? at(people, I, Math.exp) : new Map<string, number>();
  const [left, perLength, nu] = [x[LEFT], x[LENGTH], Math.exp(x[NU])];
  return {
    score,
    sharpness,
    left,
    length: perLength,
    nu,
    predict: (c) =>
      outcomes(
        (sharpness.get(c.rater) ?? 1) * ((score.get(c.b) ?? 0) - (score.get(c.a) ?? 0)) +
          (c.swap === undefined ? 0 : left * (c.swap ? 1 : -1)) +
          perLength * (c.longer ?? 0),
        nu,
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

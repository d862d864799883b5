/**
 * How often judges are right, where some questions are harder, some transcripts of a question clearer, and some judges better:
 *
 *   log-odds of being right = mean + question + transcript + judge,  each effect ~ N(0, sd^2)
 *
 * or, of `logOdds`, the judge's own log-odds of the right answer with a normal residual (Recchia et al. 2026, whose priors
 * these are: mean ~ N(0, 2^2), sds half-normal(1)). Laplace's approximation for the effects, numerical integration over the sds
 * on a grid (as Rue, Martino and Chopin 2009 do), so that the interval knows how little two dozen transcripts say of their spread.
 * An effect that the rows cannot tell from noise or from another effect is left out and named.
 */
import { Bug, rng, TillerError } from "@tiller/schema";
import { type Estimate, exactFraction, normalCdf, quantile } from "./statistics.ts";

const effects = ["question", "transcript", "judge"] as const;
type Effect = (typeof effects)[number];
export interface Trial {
  readonly question: string;
  readonly transcript: string;
  readonly judge: string;
  readonly right: boolean;
  /** of the right answer, as the judge said it; for `of: "logOdds"` */
  readonly logOdds?: number;
}
export interface AccuracyEffects {
  /** of a new judge of a new transcript of a new question */
  readonly accuracy: Estimate;
  /** spread in log-odds of what was estimated, with each level's own accuracy */
  readonly effects: readonly {
    readonly effect: Effect;
    readonly sd: Estimate;
    readonly levels: readonly (Estimate & { readonly name: string })[];
  }[];
  /** spread of what is left, of `logOdds` alone */
  readonly residual: Estimate | null;
  readonly leftOut: readonly { readonly effect: Effect; readonly why: string }[];
}

const PRIOR = { mean: 2, sd: 1 };
/** Below it an effect is as good as none, and its precision still a number. */
const LEAST_SD = 0.02;
const DRAWS = 4000;
/** Precision of a mean that is held where it is. */
const HELD = 1e12;

interface Factor {
  readonly effect: Effect;
  readonly of: Int32Array;
  readonly names: readonly string[];
}
function factorOf(trials: readonly Trial[], effect: Effect): Factor {
  const at = new Map<string, number>();
  const of = Int32Array.from(trials, (t) => {
    const name = effect === "question" ? t.question : `${t.question}\n${t.transcript}`;
    const key = effect === "judge" ? t.judge : name;
    return at.get(key) ?? (at.set(key, at.size), at.size - 1);
  });
  const names = [...at.keys()].map((k) => k.split("\n").at(-1)!);
  return { effect, of, names };
}

/** The effects that rows can speak of, and why not the others. */
function identified(trials: readonly Trial[]) {
  const kept: Factor[] = [];
  const leftOut: { effect: Effect; why: string }[] = [];
  for (const effect of effects) {
    const f = factorOf(trials, effect);
    const same = kept.find(
      (k) =>
        k.names.length === f.names.length &&
        new Set(Array.from(f.of, (l, i) => `${l} ${k.of[i]}`)).size === f.names.length,
    );
    if (f.names.length < 3) leftOut.push({ effect, why: `there are only ${f.names.length}` });
    else if (f.names.length === trials.length)
      leftOut.push({ effect, why: "each has one verdict, which is noise as well" });
    else if (same) leftOut.push({ effect, why: `each ${same.effect} has one` });
    else kept.push(f);
  }
  return { kept, leftOut };
}

export function accuracyEffects(
  trials: readonly Trial[],
  o: { readonly of?: "right" | "logOdds"; readonly seed?: number } = {},
): AccuracyEffects {
  const { of = "right", seed = 1 } = o;
  if (trials.length === 0)
    throw new TillerError("too_few", "there are no verdicts. Give at least one.");
  const { kept, leftOut } = identified(trials);
  const right = trials.filter((t) => t.right).length;
  if (kept.length === 0)
    return { accuracy: exactFraction(right, trials.length), effects: [], residual: null, leftOut };
  const normal = of === "logOdds";
  const model = laplace(trials, kept, normal);
  const dims = kept.length + (normal ? 1 : 0);
  const points = grid(model, dims);
  const random = rng(seed, "accuracy effects");
  const best = points.reduce((a, b) => (b.weight > a.weight ? b : a));
  const { shift, stretch } = normal ? { shift: 0, stretch: 1 } : meanOf(model, best.sds);
  const fits = points.flatMap((p) => {
    if (p.weight < 1e-4 * best.weight) return [];
    const { at, sd } = model(p.sds).mean();
    return [{ ...p, at: at + shift * sd, sd: stretch * sd }];
  });
  const sum = fits.reduce((s, f) => s + f.weight, 0);
  const total = fits.map(
    (
      (upTo) => (f: { weight: number }) =>
        (upTo += f.weight)
    )(0),
  );
  const drawn = { accuracy: new Float64Array(DRAWS), sds: [] as Float64Array[] };
  for (let d = 0; d < dims; d++) drawn.sds.push(new Float64Array(DRAWS));
  for (let i = 0; i < DRAWS; i++) {
    const u = sum * random.next();
    const fit =
      fits[
        Math.max(
          0,
          total.findIndex((t) => t >= u),
        )
      ]!;
    // the density between the grid's points is a line
    const sds = fit.sds.map((s, d) =>
      Math.abs(s + fit.step[d]! * (random.next() + random.next() - 1)),
    );
    sds.forEach((s, d) => (drawn.sds[d]![i] = s));
    const mean = fit.at + fit.sd * random.normal();
    const spread = Math.hypot(...sds);
    drawn.accuracy[i] = of === "logOdds" ? normalCdf(mean / spread) : logisticNormal(mean, spread);
  }
  const summary = (xs: Float64Array, n: number): Estimate => {
    const sorted = xs.slice().sort();
    const at = xs.reduce((a, b) => a + b, 0) / xs.length;
    return { at, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975), n };
  };
  const levels = model(best.sds).levels();
  return {
    accuracy: summary(drawn.accuracy, trials.length),
    effects: kept.map((f, k) => {
      const others = Math.hypot(...best.sds.filter((_, d) => d !== k));
      const accuracy = (m: number) =>
        of === "logOdds" ? normalCdf(m / others) : logisticNormal(m, others);
      const n = new Int32Array(f.names.length);
      for (const l of f.of) n[l]!++;
      return {
        effect: f.effect,
        sd: summary(drawn.sds[k]!, f.names.length),
        levels: f.names.map((name, l) => {
          const { at, sd } = levels(k, l);
          const [low, high] = [accuracy(at - 1.96 * sd), accuracy(at + 1.96 * sd)];
          return { name, at: accuracy(at), low, high, n: n[l]! };
        }),
      };
    }),
    residual: of === "logOdds" ? summary(drawn.sds.at(-1)!, trials.length) : null,
    leftOut,
  };
}

/** Mean of 1 / (1 + exp(-x)) over x ~ N(mean, sd^2): the trapezoid rule, which is exact to many digits for such integrands. */
export function logisticNormal(mean: number, sd: number): number {
  let [sum, all] = [0, 0];
  for (let i = -20; i <= 20; i++) {
    const z = i / 4;
    const w = Math.exp((-z * z) / 2);
    sum += w / (1 + Math.exp(-(mean + sd * z)));
    all += w;
  }
  return sum / all;
}

interface Fitted {
  readonly logPosterior: number;
  readonly mean: () => { at: number; sd: number };
  /** mean + effect of level l of effect k, and its standard deviation */
  readonly levels: () => (k: number, l: number) => { at: number; sd: number };
}
/** `mean` holds the mean of the log-odds there; otherwise it has its prior. */
type Model = (sds: readonly number[], mean?: number) => Fitted;

/** Points around the mode, with their weights; along each axis as far as the density is worth something. */
function grid(model: Model, dims: number) {
  const at = (sds: readonly number[]) => model(sds).logPosterior;
  let mode = Array.from({ length: dims }, () => 0.7);
  const put = (xs: readonly number[], d: number, x: number) => xs.map((v, i) => (i === d ? x : v));
  for (const width of [3.2, 0.8, 0.3])
    for (let d = 0; d < dims; d++) {
      // golden section along the logarithm of one sd
      const ratio = (Math.sqrt(5) - 1) / 2;
      const value = (x: number) => at(put(mode, d, Math.exp(x)));
      let low = Math.max(Math.log(LEAST_SD), Math.log(mode[d]!) - width);
      let high = Math.min(Math.log(5), Math.log(mode[d]!) + width);
      let [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
      let [fa, fb] = [value(a), value(b)];
      for (let i = 0; i < 4; i++)
        if (fa > fb) {
          [high, b, fb] = [b, a, fa];
          a = high - ratio * (high - low);
          fa = value(a);
        } else {
          [low, a, fa] = [a, b, fb];
          b = low + ratio * (high - low);
          fb = value(b);
        }
      mode = put(mode, d, Math.exp(fa > fb ? a : b));
    }
  const top = at(mode);
  const perAxis = [0, 13, 7, 5, 4][dims]!;
  const axes = mode.map((m, d) => {
    const reach = (direction: number) => {
      let [near, far] = [0, direction < 0 ? m - LEAST_SD : 5];
      for (let i = 0; i < 5; i++) {
        const middle = (near + far) / 2;
        if (at(put(mode, d, m + direction * middle)) > top - 5) near = middle;
        else far = middle;
      }
      return far;
    };
    const [low, high] = [Math.max(LEAST_SD, m - reach(-1)), m + reach(1)];
    return Array.from({ length: perAxis }, (_, i) => low + ((high - low) * i) / (perAxis - 1));
  });
  const sds = axes.reduce<number[][]>(
    (all, axis) => all.flatMap((s) => axis.map((x) => [...s, x])),
    [[]],
  );
  const step = axes.map((a) => a[1]! - a[0]!);
  const heights = sds.map((s) => Math.exp(at(s) - top));
  const sum = heights.reduce((a, b) => a + b, 0);
  return sds.map((s, i) => ({ sds: s, step, weight: heights[i]! / sum }));
}

/**
 * The joint mode of mean and effects lies too near to zero where a judge has few verdicts. Laplace's approximation at three places
 * of the mean says by how many of its standard deviations, and how much wider it is.
 */
function meanOf(model: Model, sds: readonly number[]) {
  const joint = model(sds).mean();
  const h = 1.5 * joint.sd;
  const [low, middle, high] = [-h, 0, h].map((d) => model(sds, joint.at + d).logPosterior);
  const variance = h ** 2 / Math.max(1e-9, 2 * middle! - low! - high!);
  const shift = (variance * (high! - low!)) / (2 * h);
  return { shift: shift / joint.sd, stretch: Math.sqrt(variance) / joint.sd };
}

/**
 * log p(sds | verdicts) by Laplace. The effect with the most levels has a diagonal block in the Hessian: it is eliminated, and
 * what is left is small and dense (a Schur complement).
 */
function laplace(trials: readonly Trial[], kept: readonly Factor[], normal: boolean): Model {
  const n = trials.length;
  const y = Float64Array.from(trials, (t) => {
    if (normal && t.logOdds === undefined) throw new Bug("a verdict without log-odds");
    return normal ? t.logOdds! : Number(t.right);
  });
  const many = kept.reduce((a, f, k) => (f.names.length > kept[a]!.names.length ? k : a), 0);
  const A = kept[many]!;
  const rest = kept.flatMap((f, k) => (k === many ? [] : [{ f, k }]));
  const offset = new Map<number, number>();
  let K = 1;
  for (const { f, k } of rest) {
    offset.set(k, K);
    K += f.names.length;
  }
  const per = 1 + rest.length;
  /** the small block's columns of each trial; where they stand in the border, a sparse row a level */
  const cols = new Int32Array(n * per);
  const slot = new Int32Array(n * per);
  const places = A.names.map(() => new Set<number>());
  for (let i = 0; i < n; i++)
    for (let j = 0; j < per; j++) {
      const col = j === 0 ? 0 : offset.get(rest[j - 1]!.k)! + rest[j - 1]!.f.of[i]!;
      cols[i * per + j] = col;
      places[A.of[i]!]!.add(col);
    }
  const sorted = places.map((p) => [...p].toSorted((x, z) => x - z));
  const start = new Int32Array(A.names.length + 1);
  sorted.forEach((p, l) => (start[l + 1] = start[l]! + p.length));
  const borderCol = Int32Array.from(sorted.flat());
  const placeOf = sorted.map((p) => new Map(p.map((col, i) => [col, i])));
  for (let i = 0; i < n; i++)
    for (let j = 0; j < per; j++)
      slot[i * per + j] = start[A.of[i]!]! + placeOf[A.of[i]!]!.get(cols[i * per + j]!)!;
  const border = new Float64Array(borderCol.length);
  const [a, b] = [new Float64Array(A.names.length), new Float64Array(K)];
  const [da, ga, gb] = [
    new Float64Array(a.length),
    new Float64Array(a.length),
    new Float64Array(K),
  ];
  const S = new Float64Array(K * K);
  const precision = new Float64Array(K);

  /** Value at (a, b); slopes, the diagonal block, the border and the Schur complement on the way. */
  function look(sds: readonly number[], held: boolean): number {
    const r2 = normal ? sds.at(-1)! ** 2 : 1;
    const pa = 1 / sds[many]! ** 2;
    S.fill(0);
    border.fill(0);
    da.fill(pa);
    let value = normal ? -(n / 2) * Math.log(r2) : 0;
    for (let l = 0; l < a.length; l++) {
      ga[l] = -pa * a[l]!;
      value -= (pa * a[l]! ** 2) / 2;
    }
    for (let c = 0; c < K; c++) {
      gb[c] = -precision[c]! * b[c]!;
      value -= (precision[c]! * b[c]! ** 2) / 2;
      S[c * K + c] = c === 0 && held ? HELD : precision[c]!;
    }
    let odds = 1; // one logarithm for some dozens of them
    for (let i = 0; i < n; i++) {
      const l = A.of[i]!;
      let eta = a[l]!;
      for (let j = 0; j < per; j++) eta += b[cols[i * per + j]!]!;
      let slope = (y[i]! - eta) / r2;
      let w = 1 / r2;
      if (normal) value -= (y[i]! - eta) ** 2 / (2 * r2);
      else {
        const e = Math.exp(-Math.abs(eta));
        const p = eta >= 0 ? 1 / (1 + e) : e / (1 + e);
        value += y[i]! * eta - (eta > 0 ? eta : 0);
        odds *= 1 + e;
        if ((i & 31) === 31) {
          value -= Math.log(odds);
          odds = 1;
        }
        slope = y[i]! - p;
        w = p * (1 - p);
      }
      ga[l]! += slope;
      da[l]! += w;
      for (let j = 0; j < per; j++) {
        const c = cols[i * per + j]!;
        gb[c]! += slope;
        border[slot[i * per + j]!]! += w;
        // columns of a trial rise: mean, then one block after the other
        for (let k = 0; k <= j; k++) S[c * K + cols[i * per + k]!]! += w;
      }
    }
    value -= Math.log(odds);
    if (held) gb[0] = 0;
    for (let l = 0; l < a.length; l++)
      for (let i = start[l]!; i < start[l + 1]!; i++) {
        const row = borderCol[i]! * K;
        const by = border[i]! / da[l]!;
        for (let k = start[l]!; k <= i; k++) S[row + borderCol[k]!]! -= by * border[k]!;
      }
    return value;
  }

  return (given, mean) => {
    const held = mean !== undefined;
    if (held) b[0] = mean;
    const sds = given.map((s) => Math.max(LEAST_SD, s));
    precision.fill(1 / PRIOR.mean ** 2, 0, 1);
    for (const { f, k } of rest)
      precision.fill(1 / sds[k]! ** 2, offset.get(k)!, offset.get(k)! + f.names.length);
    const [sa, sb] = [new Float64Array(a.length), new Float64Array(K)];
    let value = look(sds, held);
    for (let newton = 0; newton < 50; newton++) {
      cholesky(S, K);
      for (let c = 0; c < K; c++) sb[c] = gb[c]!;
      for (let l = 0; l < a.length; l++)
        for (let i = start[l]!; i < start[l + 1]!; i++)
          sb[borderCol[i]!]! -= (border[i]! * ga[l]!) / da[l]!;
      solve(S, K, sb);
      let rise = 0;
      for (let c = 0; c < K; c++) rise += gb[c]! * sb[c]!;
      for (let l = 0; l < a.length; l++) {
        let s = ga[l]!;
        for (let i = start[l]!; i < start[l + 1]!; i++) s -= border[i]! * sb[borderCol[i]!]!;
        sa[l] = s / da[l]!;
        rise += ga[l]! * sa[l]!;
      }
      if (rise < 1e-3) break; // twice what is still to be gained
      for (let t = 1, moved = 0; t > 1e-6; t /= 2) {
        for (let l = 0; l < a.length; l++) a[l]! += (t - moved) * sa[l]!;
        for (let c = 0; c < K; c++) b[c]! += (t - moved) * sb[c]!;
        moved = t;
        const next = look(sds, held);
        if (next >= value - 1e-9) {
          value = next;
          break;
        }
      }
    }
    let logDet = 0;
    for (let l = 0; l < a.length; l++) logDet += Math.log(da[l]!);
    for (let c = 0; c < K; c++) logDet += 2 * Math.log(S[c * K + c]!);
    const logPosterior =
      value -
      logDet / 2 -
      kept.reduce((sum, f, k) => sum + f.names.length * Math.log(sds[k]!), 0) -
      sds.reduce((sum, s) => sum + (s / PRIOR.sd) ** 2 / 2, 0);
    return {
      logPosterior,
      mean() {
        const e = new Float64Array(K);
        e[0] = 1;
        solve(S, K, e);
        return { at: b[0]!, sd: Math.sqrt(e[0]!) };
      },
      levels() {
        /** of mean + effect: the row that picks it out, solved */
        const V = Array.from({ length: K }, (_, c) => {
          const e = new Float64Array(K);
          e[c] = 1;
          solve(S, K, e);
          return e;
        });
        return (k, l) => {
          if (k !== many) {
            const c = offset.get(k)! + l;
            return {
              at: b[0]! + b[c]!,
              sd: Math.sqrt(V[0]![0]! + V[c]![c]! + 2 * V[0]![c]!),
            };
          }
          let [cross, own] = [0, 1 / da[l]!];
          for (let i = start[l]!; i < start[l + 1]!; i++) {
            cross += border[i]! * V[0]![borderCol[i]!]!;
            for (let m = start[l]!; m < start[l + 1]!; m++)
              own += (border[i]! * border[m]! * V[borderCol[i]!]![borderCol[m]!]!) / da[l]! ** 2;
          }
          return {
            at: b[0]! + a[l]!,
            sd: Math.sqrt(V[0]![0]! + own - (2 * cross) / da[l]!),
          };
        };
      },
    };
  };
}

/** In place, of the lower triangle. */
function cholesky(S: Float64Array, K: number): void {
  for (let i = 0; i < K; i++)
    for (let j = 0; j <= i; j++) {
      let sum = S[i * K + j]!;
      for (let k = 0; k < j; k++) sum -= S[i * K + k]! * S[j * K + k]!;
      if (i === j && !(sum > 0)) throw new Bug(`no Cholesky factor: pivot ${i} is ${sum}`);
      S[i * K + j] = i === j ? Math.sqrt(sum) : sum / S[j * K + j]!;
    }
}
/** Solves L L' x = x, in place. */
function solve(L: Float64Array, K: number, x: Float64Array): void {
  for (let i = 0; i < K; i++) {
    for (let k = 0; k < i; k++) x[i]! -= L[i * K + k]! * x[k]!;
    x[i]! /= L[i * K + i]!;
  }
  for (let i = K - 1; i >= 0; i--) {
    for (let k = i + 1; k < K; k++) x[i]! -= L[k * K + i]! * x[k]!;
    x[i]! /= L[i * K + i]!;
  }
}

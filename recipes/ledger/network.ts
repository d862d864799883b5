/**
 * One small network that scores candidates: the sum of its features' vectors, one hidden layer, a number. As a policy, a softmax over a
 * group's candidates; as a reward model, the sum over what was chosen. Trained by @tiller/tensor; scores are computed once a candidate.
 * Differs from Wu et al. 2021: 33,000 parameters that point at what is in the input, where they have a language model that writes.
 */
import { type Rng } from "@tiller/schema";
import * as t from "@tiller/tensor";
import { BUCKETS, FEATURES, type Group, type Table } from "./reading.ts";

const [WIDTH, HIDDEN] = [16, 32];
const shapes = {
  vectors: [BUCKETS, WIDTH],
  w1: [WIDTH, HIDDEN],
  b1: [HIDDEN],
  w2: [HIDDEN, 1],
} as const;
type Name = keyof typeof shapes;
const names = Object.keys(shapes) as Name[];
export type Weights = Readonly<Record<Name, Float32Array>>;
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
export const parameters: number = names.reduce((n, name) => n + sizeOf(shapes[name]), 0);

export function freshWeights(draw: Rng): Weights {
  const scale = { vectors: 0.3, w1: 1 / Math.sqrt(WIDTH), b1: 0, w2: 0 };
  return Object.fromEntries(
    names.map((name) => [
      name,
      Float32Array.from({ length: sizeOf(shapes[name]) }, () => scale[name] * draw.normal()),
    ]),
  ) as Weights;
}
/** The same vectors under a last layer of nothing: what a reward model starts from. */
export const headless = (w: Weights): Weights => ({ ...w, w2: new Float32Array(w.w2.length) });

/** Scores of candidates by these weights, each computed when it is first asked for. */
export class Scorer {
  readonly #known: number[] = [];
  readonly #table: Table;
  readonly weights: Weights;
  constructor(table: Table, weights: Weights) {
    this.#table = table;
    this.weights = weights;
  }
  score(id: number): number {
    return (this.#known[id] ??= this.#forward(this.#table.features[id]!));
  }
  #forward(features: Int32Array): number {
    const { vectors, w1, b1, w2 } = this.weights;
    const sum = new Float64Array(WIDTH);
    for (const f of features) for (let d = 0; d < WIDTH; d++) sum[d]! += vectors[f * WIDTH + d]!;
    const empty = FEATURES - features.length; // places without a feature have a vector too
    for (let d = 0; d < WIDTH; d++) sum[d]! += empty * vectors[d]!;
    let out = 0;
    for (let h = 0; h < HIDDEN; h++) {
      let z = b1[h]!;
      for (let d = 0; d < WIDTH; d++) z += sum[d]! * w1[d * HIDDEN + h]!;
      if (z > 0) out += z * w2[h]!;
    }
    return out;
  }
  /** Log-probabilities of a group's candidates. */
  logps(group: Group): number[] {
    const s = group.candidates.map((c) => this.score(c.id));
    const top = Math.max(...s);
    const norm = top + Math.log(s.reduce((n, x) => n + Math.exp(x - top), 0));
    return s.map((x) => x - norm);
  }
}

/** A choice that was made in a group, and what is to be done about it. */
export interface Chosen {
  readonly group: Group;
  readonly chosen: number;
  /** PPO's; cloning has 0 for the first and 1 for the second */
  readonly logp: number;
  readonly advantage: number;
}
/** One judgment: which candidates make the second output better than the first, summed; 1, -1, or several where they recur. */
export interface Preference {
  readonly sides: ReadonlyMap<number, number>;
  readonly second: boolean;
}

const [ROWS, GROUPS, CHOICES] = [512, 128, 16];
/** Judgments in a batch, and candidates that they differ by: two outputs of a node, or two whole trees. */
const pairSizes = { node: { pairs: 64, rows: 256 }, tree: { pairs: 32, rows: 1024 } } as const;
export type Scope = keyof typeof pairSizes;
const CLIP = 0.2;

/** Training programs over one set of weights. */
export class Trainer {
  readonly #state = new t.State();
  readonly #table: Table;
  readonly #programs: Readonly<Record<"clone" | "ppo" | Scope, t.Program>>;
  #steps = 0;

  constructor(table: Table) {
    this.#table = table;
    const made = (graph: t.Graph) => new t.Program(graph, this.#state);
    this.#programs = {
      clone: made(groupsProgram("clone")),
      ppo: made(groupsProgram("ppo")),
      node: made(pairsProgram("node")),
      tree: made(pairsProgram("tree")),
    };
  }
  /** Begins from these weights, the optimiser anew. */
  load(weights: Weights): void {
    for (const name of this.#state.names()) this.#state.get(name).data.fill(0);
    for (const name of names) this.#state.set(name, shapes[name], weights[name]);
    this.#steps = 0;
  }
  weights(): Weights {
    return Object.fromEntries(
      names.map((n) => [n, Float32Array.from(this.#state.get(n).data)]),
    ) as Weights;
  }

  /** The features of these candidates, a row each, and which row is whose. */
  #rows(candidates: Iterable<number>, n: number) {
    const at = new Map<number, number>();
    const ids = new BigInt64Array(n * FEATURES);
    for (const id of candidates) {
      this.#table.features[id]!.forEach((f, k) => (ids[at.size * FEATURES + k] = BigInt(f)));
      at.set(id, at.size);
    }
    return { at, ids };
  }
  #optimiser(lr: number) {
    return t.adamwInputs(++this.#steps, lr);
  }

  /** One step on at most as many choices as fit; how many did. */
  groups(kind: "clone" | "ppo", batch: readonly Chosen[], lr: number): number {
    const some: Chosen[] = [];
    const rows = new Set<number>();
    for (const b of batch) {
      if (some.length === GROUPS) break;
      const more = b.group.candidates.filter((c) => !rows.has(c.id)).length;
      if (rows.size + more > ROWS) break;
      for (const c of b.group.candidates) rows.add(c.id);
      some.push(b);
    }
    const { at, ids } = this.#rows(rows, ROWS);
    const index = new BigInt64Array(GROUPS * CHOICES);
    const shut = new Float32Array(GROUPS * CHOICES).fill(-1e9);
    const label = new BigInt64Array(GROUPS).fill(BigInt(t.IGNORED));
    const [logp, advantage] = [new Float32Array(GROUPS), new Float32Array(GROUPS)];
    some.forEach((b, i) => {
      b.group.candidates.slice(0, CHOICES).forEach((c, k) => {
        index[i * CHOICES + k] = BigInt(at.get(c.id)!);
        shut[i * CHOICES + k] = 0;
      });
      label[i] = BigInt(b.chosen < CHOICES ? b.chosen : t.IGNORED);
      [logp[i], advantage[i]] = [b.logp, b.advantage];
    });
    for (let i = some.length; i < GROUPS; i++) shut.fill(0, i * CHOICES, (i + 1) * CHOICES);
    this.#programs[kind].run({
      ids,
      index,
      shut,
      label,
      n: some.length,
      ...(kind === "ppo" ? { logp, advantage } : {}),
      ...this.#optimiser(lr),
    });
    return some.length;
  }

  /** One step on at most as many judgments as fit; how many did. */
  prefer(scope: Scope, batch: readonly Preference[], lr: number): number {
    const size = pairSizes[scope];
    const some: Preference[] = [];
    const rows = new Set<number>();
    for (const b of batch) {
      if (some.length === size.pairs) break;
      const more = [...b.sides.keys()].filter((id) => !rows.has(id)).length;
      if (rows.size + more > size.rows) break;
      for (const id of b.sides.keys()) rows.add(id);
      some.push(b);
    }
    const { at, ids } = this.#rows(rows, size.rows);
    const sides = new Float32Array(size.pairs * size.rows);
    some.forEach((b, i) => {
      for (const [id, times] of b.sides)
        sides[i * size.rows + at.get(id)!] = b.second ? times : -times;
    });
    this.#programs[scope].run({
      ids,
      sides,
      n: some.length,
      padding: size.pairs - some.length,
      ...this.#optimiser(lr),
    });
    return some.length;
  }
  [Symbol.dispose](): void {
    for (const p of Object.values(this.#programs)) p[Symbol.dispose]();
  }
}

/** (rows, 1), and the parameters. */
function scores(g: t.Graph, rows: number): { out: t.Tensor; params: Map<string, t.Tensor> } {
  const params = new Map(names.map((n) => [n, g.stateful(n, shapes[n])]));
  const vectors = t.gather(params.get("vectors")!, g.input("ids", [rows, FEATURES], "int64"));
  const sum = t.sum(vectors, [1]); // (R, W)
  const hidden = t.relu(t.gemm(sum, params.get("w1")!, params.get("b1")!)); // (R, H)
  return { out: t.gemm(hidden, params.get("w2")!), params };
}
function groupsProgram(kind: "clone" | "ppo"): t.Graph {
  const g = new t.Graph();
  const { out, params } = scores(g, ROWS);
  const picked = t.gather(out, g.input("index", [GROUPS, CHOICES], "int64")); // (G, C, 1)
  const logits = t.add(t.reshape(picked, [GROUPS, CHOICES]), g.input("shut", [GROUPS, CHOICES]));
  const logp = t.tokenLogprobs(logits, g.input("label", [GROUPS], "int64")); // 0 where there is none
  const n = g.input("n", []);
  if (kind === "clone") {
    const loss = t.div(t.neg(t.sum(logp)), n);
    t.adamw(loss, params, { clip: 1 });
  } else {
    const advantage = g.input("advantage", [GROUPS]);
    const ratio = t.exp(t.sub(logp, g.input("logp", [GROUPS])));
    const clipped = t.clamp(ratio, 1 - CLIP, 1 + CLIP);
    const gain = t.minimum(t.mul(ratio, advantage), t.mul(clipped, advantage));
    t.adamw(t.div(t.neg(t.sum(gain)), n), params, { clip: 1 });
  }
  return g;
}
function pairsProgram(scope: Scope): t.Graph {
  const { pairs, rows } = pairSizes[scope];
  const g = new t.Graph();
  const { out, params } = scores(g, rows);
  const margins = t.gemm(g.input("sides", [pairs, rows]), out); // (P, 1)
  // a row without a judgment has margin 0 and no gradient
  const loss = t.div(
    t.sub(t.neg(t.sum(t.logSigmoid(margins))), t.mul(g.input("padding", []), Math.LN2)),
    g.input("n", []),
  );
  t.adamw(loss, params, { clip: 1, weightDecay: 0.01 });
  return g;
}

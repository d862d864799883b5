/**
 * From logits to a token. Penalties and biases as OpenAI's API defines them (mu[j] - c[j] frequency - (c[j] > 0)
 * presence, over what was sampled so far), the repetition penalty of Keskar et al. 2019 over prompt and reply, then
 * temperature, min-p, top-k and the nucleus, in vLLM's order. A bias of -100 bans a token and one of 100 allows no other,
 * as OpenAI documents both ends, however far apart the logits are.
 */
import { type Rng, TillerError } from "@tiller/schema";

export interface DrawOptions {
  readonly temperature: number;
  /** nucleus (Holtzman et al. 2020); 1 = all */
  readonly topP?: number;
  /** only the k likeliest; 0 = all */
  readonly topK?: number;
  /** only tokens of at least this fraction of the likeliest's probability */
  readonly minP?: number;
  /** added to the logits, by token id */
  readonly bias?: ReadonlyMap<number, number>;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly repetitionPenalty?: number;
  /** 1 for each token that may be drawn at all; the others cannot, whatever their logits and biases */
  readonly allowed?: Uint8Array | undefined;
}
/** What the penalties look at: how often each token was sampled, and which the prompt has. */
export interface Seen {
  readonly sampled: ReadonlyMap<number, number>;
  readonly prompt: ReadonlySet<number>;
}

const BAN = -100;
const ONLY = 100;

/** Whether the logits have to be changed before they are drawn from. */
export const shapes = (o: DrawOptions): boolean =>
  Boolean(o.bias?.size || o.presencePenalty || o.frequencyPenalty || o.allowed) ||
  (o.repetitionPenalty ?? 1) !== 1;

/** The logits with penalties and biases, as a new array. */
export function shaped(logits: Float32Array, o: DrawOptions, seen: Seen): Float64Array {
  const out = Float64Array.from(logits);
  const r = o.repetitionPenalty ?? 1;
  if (r !== 1)
    for (const id of new Set([...seen.prompt, ...seen.sampled.keys()]))
      out[id] = out[id] > 0 ? out[id] / r : out[id] * r;
  const { frequencyPenalty = 0, presencePenalty = 0 } = o;
  if (frequencyPenalty || presencePenalty)
    for (const [id, count] of seen.sampled) out[id] -= count * frequencyPenalty + presencePenalty;
  const bias = [...(o.bias ?? [])];
  const only = new Set(bias.filter(([, b]) => b === ONLY).map(([id]) => id));
  if (only.size) for (let id = 0; id < out.length; id++) if (!only.has(id)) out[id] = -Infinity;
  for (const [id, b] of bias)
    if (b === BAN) out[id] = -Infinity;
    else if (b !== ONLY) out[id] += b;
  if (o.allowed) allowOnly(out, o.allowed);
  return out;
}

function allowOnly(logits: Float64Array, allowed: Uint8Array): void {
  let left = false;
  for (let id = 0; id < logits.length; id++)
    if (!allowed[id]) logits[id] = -Infinity;
    else left ||= logits[id] > -Infinity;
  if (!left)
    throw new TillerError(
      "nothing_allowed",
      "logit_bias bans every token that response_format allows here. Leave one of them out.",
    );
}

/** Softmax of logits over a temperature, in double precision. */
export function softmaxOf(logits: ArrayLike<number>, temperature: number): Float64Array {
  let most = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i] > most) most = logits[i];
  const p = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += p[i] = Math.exp((logits[i] - most) / temperature);
  for (let i = 0; i < p.length; i++) p[i] /= sum;
  return p;
}

export function likeliest(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** One draw from probabilities p, after the cuts of `o`. */
export function drawFrom(p: ArrayLike<number>, o: DrawOptions, rng: Rng): number {
  const { topP = 1, topK = 0, minP = 0 } = o;
  if (topP < 1 || topK > 0 || minP > 0) return drawCut(p, { topP, topK, minP }, rng);
  let u = rng.next();
  let last = 0; // what rounding leaves over goes to the last token that can be drawn
  for (let i = 0; i < p.length; i++) {
    const q = p[i];
    if (q <= 0) continue;
    last = i;
    u -= q;
    if (u < 0) break;
  }
  return last;
}

/** Of those that min-p and top-k leave, the likeliest that together reach `topP` of their mass. */
function drawCut(
  p: ArrayLike<number>,
  o: { topP: number; topK: number; minP: number },
  rng: Rng,
): number {
  const least = o.minP * p[likeliest(p)];
  // tokens below (1 - topP) / V weigh less than 1 - topP together, so that the nucleus never needs them
  const needed = o.topK > 0 || o.minP > 0 ? 0 : (1 - o.topP) / p.length;
  const ids: number[] = [];
  for (let i = 0; i < p.length; i++) if (p[i] > 0 && p[i] >= least && p[i] >= needed) ids.push(i);
  ids.sort((i, j) => p[j] - p[i] || i - j);
  if (o.topK > 0 && ids.length > o.topK) ids.length = o.topK;
  const all = o.topK > 0 || o.minP > 0 ? ids.reduce((sum, i) => sum + p[i], 0) : 1;
  let [kept, mass] = [0, 0];
  while (kept < ids.length && (kept === 0 || mass < o.topP * all)) mass += p[ids[kept++]];
  let u = rng.next() * mass;
  return ids.slice(0, kept).find((i) => (u -= p[i]) < 0) ?? ids[0];
}

/** One token by the rules of `o`. `probabilities`: the softmax of `logits` at the temperature of `o`, where it is known. */
export function draw(
  logits: Float32Array,
  o: DrawOptions & { readonly seen: Seen; readonly probabilities?: Float32Array | undefined },
  rng: Rng,
): number {
  const own = shapes(o) ? shaped(logits, o, o.seen) : logits;
  if (o.temperature <= 0) return likeliest(own);
  const known = own === logits ? o.probabilities : undefined;
  return drawFrom(known ?? softmaxOf(own, o.temperature), o, rng);
}

export interface Logprob {
  readonly id: number;
  readonly logprob: number;
}
/** log of the sum of exponentials, in double precision. */
export function logSumExp(logits: ArrayLike<number>): number {
  const most = logits[likeliest(logits)];
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - most);
  return most + Math.log(sum);
}
/** The log-prob of a token under the model itself (temperature 1, nothing changed), and the `top` likeliest. */
export function readLogprobs(
  logits: ArrayLike<number>,
  token: number,
  top: number,
): { logprob: number; top: Logprob[] } {
  const lse = logSumExp(logits);
  const best: number[] = []; // ids, likeliest first
  for (let i = 0; i < logits.length && top > 0; i++) {
    if (best.length === top && logits[i] <= logits[best[top - 1]]) continue;
    let at = best.length;
    while (at > 0 && logits[i] > logits[best[at - 1]]) at--;
    best.splice(at, 0, i);
    if (best.length > top) best.pop();
  }
  return {
    logprob: logits[token] - lse,
    top: best.map((id) => ({ id, logprob: logits[id] - lse })),
  };
}

/** Refuses what a damaged model computes. Softmax spreads one NaN over its whole row. */
export function checkFinite(probabilities: ArrayLike<number>): void {
  if (Number.isNaN(probabilities[0]))
    throw new TillerError(
      "damaged_checkpoint",
      "the model computes NaN for this prompt: its weights are damaged or too large for 32-bit floats. Take the checkpoint from its source again.",
    );
}

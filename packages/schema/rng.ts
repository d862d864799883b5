/** Seeded randomness that every room shares: sfc32, forked by name, state as four numbers. */

export interface Rng {
  /** uniform in [0, 1) with 32 bits */
  next(): number;
  /** integer in [0, n) */
  int(n: number): number;
  normal(): number;
  choose<T>(xs: readonly T[]): T;
  shuffle<T>(xs: readonly T[]): T[];
  state(): readonly number[];
}

const hash = (text: string): number => {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/** `rng(seed, "assign", taskId)`: same arguments, same numbers. */
export function rng(seed: number, ...names: (string | number)[]): Rng {
  const key = [seed, ...names].join("\u0000");
  const made = fromState([hash(`a${key}`), hash(`b${key}`), hash(`c${key}`), 1]);
  for (let i = 0; i < 12; i++) made.next();
  return made;
}

/** Goes on from a saved `state()`. */
export function fromState(saved: readonly number[]): Rng {
  let [a, b, c, d] = saved.map((x) => x | 0) as [number, number, number, number];
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  const int = (n: number) => Math.floor(next() * n);
  return {
    next,
    int,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    choose: (xs) => xs[int(xs.length)]!,
    shuffle: (xs) => {
      const out = [...xs];
      for (let i = out.length - 1; i > 0; i--) {
        const j = int(i + 1);
        [out[i], out[j]] = [out[j]!, out[i]!];
      }
      return out;
    },
    state: () => [a, b, c, d],
  };
}

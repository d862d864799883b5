/** What goes wrong in files and requests: values at edges, names that objects have, texts that cannot be stored, bytes that flip. */
import type { Rng } from "@tiller/schema";

/** Texts that have broken something somewhere. */
export const texts: readonly string[] = [
  "",
  " ",
  "\0",
  "a\0b",
  "\ud800",
  "half \udc00 of it",
  "\ufeffwith a mark",
  "constructor",
  "__proto__",
  "toString",
  "hasOwnProperty",
  "../../etc/passwd",
  "/etc/passwd",
  "C:\\Windows\\win.ini",
  "file:///etc/passwd",
  "<script>alert(1)</script>",
  "'; drop table answer; --",
  "=HYPERLINK(0)",
  "%00%2e%2e%2f",
  "{{7*7}}",
  "{% for i in range(10**9) %}x{% endfor %}",
  "(a+)+$",
  "NaN",
  "Infinity",
  "-0",
  "1e999",
  "9007199254740993",
  "0x10",
  "٣",
  "北京上海",
  "👩‍👩‍👧‍👦",
  "e\u0301",
  "\u202eright to left",
  "2026-02-30T25:61:61Z",
  "x".repeat(300),
  "y".repeat(100_000),
  "line\r\nline",
  "<|endoftext|>",
  "<think>",
];
const numbers: readonly unknown[] = [
  0,
  -0,
  -1,
  1,
  0.5,
  1e-320,
  5e7,
  3e8,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e300,
  -1e300,
];
const deep = (n: number): unknown => {
  let x: unknown = 1;
  for (let i = 0; i < n; i++) x = i % 2 ? [x] : { x };
  return x;
};

/** Any hostile JSON value. */
export function anything(r: Rng): unknown {
  const kinds = [
    () => r.choose(texts),
    () => r.choose(numbers),
    () => r.choose([null, true, false, [], {}, [[]], [null], { "": "" }]),
    () => deep(r.choose([3, 100, 2000])),
    () => Array.from({ length: r.choose([1, 100, 20_000]) }, () => r.choose(numbers)),
    () => Object.fromEntries(Array.from({ length: 5 }, () => [r.choose(texts), r.choose(texts)])),
  ];
  return r.choose(kinds)();
}

type Path = readonly (string | number)[];
function paths(x: unknown, at: Path = [], out: Path[] = []): Path[] {
  out.push(at);
  if (out.length > 3000 || typeof x !== "object" || x === null) return out;
  const keys: readonly (string | number)[] = Array.isArray(x)
    ? [...x.keys()].slice(0, 20)
    : Object.keys(x);
  for (const key of keys) paths((x as Record<string | number, unknown>)[key], [...at, key], out);
  return out;
}

/** The value with one to three places changed: left out, replaced, renamed, doubled. */
export function mutateJson(r: Rng, value: unknown): unknown {
  let changed = structuredClone(value);
  for (let n = 1 + r.int(3); n > 0; n--) {
    // high places as often as deep ones: most of a file is vocabulary
    const all = paths(changed);
    const depth = r.int(1 + Math.max(...all.map((p) => p.length)));
    const at = r.choose(all.filter((p) => p.length === depth));
    if (!at.length) {
      if (r.next() < 0.1) changed = anything(r);
      continue;
    }
    const key = at.at(-1)!;
    const holder = at.slice(0, -1).reduce<any>((x, k) => x?.[k], changed) as Record<
      string | number,
      unknown
    >;
    if (typeof holder !== "object" || holder === null) continue;
    const ops = [
      () => delete holder[key],
      () => (holder[key] = anything(r)),
      () => (holder[key] = r.choose(numbers)),
      () => (holder[r.choose(texts)] = holder[key]),
      () => Array.isArray(holder) && holder.push(...holder.slice(0, 50)),
      () => (holder[key] = [holder[key], holder[key]]),
      () => (holder[key] = JSON.stringify(holder[key])), // a text of it; String() fails on what has no prototype
    ];
    r.choose(ops)();
  }
  return changed;
}

/** Bytes with flips, cuts, repeats, zeros or junk behind. */
export function mutateBytes(r: Rng, bytes: Buffer): Buffer {
  const out = Buffer.from(bytes);
  const spot = () => (r.next() < 0.5 ? r.int(Math.min(out.length, 512)) : r.int(out.length));
  const ops = [
    () => {
      for (let n = 1 + r.int(8); n > 0; n--) out[spot()] = r.int(256);
      return out;
    },
    () => out.subarray(0, spot()),
    () => Buffer.concat([out, Buffer.alloc(1 + r.int(1000), r.int(256))]),
    () => out.fill(r.choose([0, 0xff]), spot(), spot()),
    () => {
      const at = r.int(Math.max(1, out.length - 8));
      out.writeBigUInt64LE(r.choose([0n, 1n, 2n ** 31n, 2n ** 40n, 2n ** 63n, 2n ** 64n - 1n]), at);
      return out;
    },
    () => {
      const [a, b] = [spot(), spot()].toSorted((x, y) => x - y) as [number, number];
      return Buffer.concat([out.subarray(0, b), out.subarray(a)]);
    },
  ];
  return out.length > 16 ? r.choose(ops)() : out;
}

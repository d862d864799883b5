/**
 * The arithmetic of `fusedAdamW`: a few lines of WebAssembly work on a piece of parameter, moments and gradient that fits
 * into the cache; the pieces are copied in and out, which costs less than one of the runtime's passes. Threads take grains
 * of the parameters, all in one row, by a counter that they share. It imports nothing, so that a thread is up at once.
 */

const PIECE = 4096; // floats; four arrays of them are 64 KB
const [W, M, V, G] = [0, 1, 2, 3].map((i) => i * PIECE * 4) as [number, number, number, number];

// the kernel's locals: bytes to do, nine scalars, then what it computes with
const scalars = ["scale", "b1", "c1", "b2", "c2", "eps", "rate", "keep"] as const;
const AT = 1 + scalars.length;
const [g, m, v] = [AT + 1, AT + 2, AT + 3];
const vector = (name: (typeof scalars)[number]) => AT + 4 + scalars.indexOf(name);

// opcodes by their names in the specification: https://webassembly.github.io/spec/core/binary/instructions.html
const get = (i: number) => [0x20, i];
const set = (i: number) => [0x21, i];
const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
const load = (offset: number) => [...get(AT), 0xfd, 0x00, 4, ...leb(offset)]; // v128.load
const store = (offset: number, value: number[]) => [
  ...get(AT),
  ...value,
  0xfd,
  0x0b,
  4,
  ...leb(offset),
];
const op = (code: number) => [0xfd, code, 0x01];
const [SQRT, ADD, SUB, MUL, DIV] = [0xe3, 0xe4, 0xe5, 0xe6, 0xe7].map(op) as number[][]; // f32x4
const two = (f: number[], a: number[], b: number[]) => [...a, ...b, ...f];
const mul = (a: number[], b: number[]) => two(MUL!, a, b);

const header = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const add16 = [0x41, 16, 0x6a, 0x22, AT]; // i32.const, i32.add, local.tee
const againIfBelow = [0x49, 0x0d, 0]; // i32.lt_u, br_if

function bytes(): Uint8Array<ArrayBuffer> {
  const splats = scalars.flatMap((name, i) => [...get(1 + i), 0xfd, 0x13, ...set(vector(name))]);
  const of = (name: (typeof scalars)[number]) => get(vector(name));
  const average = (old: number, b: "b1" | "b2", c: "c1" | "c2", next: number[]) =>
    two(ADD!, mul(load(old), of(b)), mul(next, of(c)));
  const body = [
    ...splats,
    0x03, // loop, without a result
    0x40,
    ...mul(load(G), of("scale")),
    ...set(g),
    ...average(M, "b1", "c1", get(g)),
    ...set(m),
    ...average(V, "b2", "c2", mul(get(g), get(g))),
    ...set(v),
    ...store(M, get(m)),
    ...store(V, get(v)),
    // w keep - m / (sqrt(v) + eps) rate
    ...store(
      W,
      two(
        SUB!,
        mul(load(W), of("keep")),
        mul(two(DIV!, get(m), two(ADD!, [...get(v), ...SQRT!], of("eps"))), of("rate")),
      ),
    ),
    ...get(AT), // at += 16
    ...add16,
    ...get(0),
    ...againIfBelow,
    0x0b, // end of the loop
    0x0b,
  ];
  const [I32, F32, V128] = [0x7f, 0x7d, 0x7b];
  const locals = [2, 1, I32, 3 + scalars.length, V128]; // two runs: one i32, the vectors
  const section = (id: number, content: number[]) => [id, ...leb(content.length), ...content];
  const code = [...locals, ...body];
  const name = (s: string) => [s.length, ...Buffer.from(s)];
  return Uint8Array.from([
    ...header,
    ...section(1, [1, 0x60, 1 + scalars.length, I32, ...scalars.map(() => F32), 0]), // its type
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]), // a page of memory
    ...section(7, [2, ...name("step"), 0, 0, ...name("memory"), 2, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}

interface Kernel {
  readonly step: (bytes: number, ...scalars: number[]) => void;
  readonly inside: { readonly [K in "w" | "m" | "v" | "g"]: Float32Array };
}
let kernel: Kernel | undefined;
const compiled = (): Kernel => (kernel ??= compile());
function compile(): Kernel {
  const { step, memory } = new WebAssembly.Instance(new WebAssembly.Module(bytes()))
    .exports as unknown as { step: Kernel["step"]; memory: WebAssembly.Memory };
  const piece = (offset: number) => new Float32Array(memory.buffer, offset, PIECE);
  return { step, inside: { w: piece(W), m: piece(M), v: piece(V), g: piece(G) } };
}

/** One parameter's arrays, and the scalars of the kernel in their order. */
export interface Job {
  readonly w: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
  readonly g: Float32Array;
  readonly values: readonly number[];
}
/** What threads share about one step: the next grain, and how many are done. */
export const [NEXT, DONE] = [0, 1];
const GRAIN = 32 * PIECE;
const grainsOf = (job: Job) => Math.ceil(job.w.length / GRAIN);
export const grains = (jobs: readonly Job[]): number =>
  jobs.reduce((n, job) => n + grainsOf(job), 0);

/** Takes grains until none is left. */
export function work(jobs: readonly Job[], counters: Int32Array): void {
  let [job, first] = [0, 0]; // the grains taken only grow
  for (;;) {
    const grain = Atomics.add(counters, NEXT, 1);
    while (job < jobs.length && grain >= first + grainsOf(jobs[job]!))
      first += grainsOf(jobs[job++]!);
    if (job === jobs.length) return;
    const from = (grain - first) * GRAIN;
    update(jobs[job]!, from, Math.min(jobs[job]!.w.length, from + GRAIN));
    Atomics.add(counters, DONE, 1);
    Atomics.notify(counters, DONE);
  }
}
function update({ w, m, v, g, values }: Job, start: number, end: number): void {
  const { step, inside } = compiled();
  for (let from = start; from < end; from += PIECE) {
    const to = Math.min(end, from + PIECE);
    const n = to - from;
    inside.w.set(w.subarray(from, to));
    inside.m.set(m.subarray(from, to));
    inside.v.set(v.subarray(from, to));
    inside.g.set(g.subarray(from, to));
    step(4 * n, ...values);
    w.set(n < PIECE ? inside.w.subarray(0, n) : inside.w, from);
    m.set(n < PIECE ? inside.m.subarray(0, n) : inside.m, from);
    v.set(n < PIECE ? inside.v.subarray(0, n) : inside.v, from);
  }
}

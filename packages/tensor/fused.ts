/**
 * AdamW outside the graph, in one pass over memory: ONNX Runtime takes fourteen, one an operation. Same formulas and order
 * as `rules.adamw` in optimisers.ts. Large models are shared among threads; the result is the same bits for any number.
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import koffi from "koffi";
import { TillerError } from "@tiller/schema";
import { threads } from "./device.ts";
import { DONE, grains, type Job, work } from "./fused-kernel.ts";
import { groupOf, type Optimiser } from "./optimisers.ts";
import type { State } from "./program.ts";

/** Below this many parameters waking a thread costs more than it saves. */
const ALONE = 500_000;

/**
 * Step t (from 1) of AdamW on the parameters `names`, whose gradients stand as `g:NAME` and count times `scale`; moments
 * are `m:NAME` and `v:NAME`. The gradients are left as they are.
 */
export function fusedAdamW(
  state: State,
  names: Iterable<string>,
  o: Extract<Optimiser, { kind: "adamw" }>,
  at: { readonly t: number; readonly lr: number; readonly scale: number },
): void {
  const root2 = Math.sqrt(1 - o.beta2 ** at.t);
  const eps = o.placement === "torch" ? o.epsilon * root2 : o.epsilon;
  const jobs: Job[] = [];
  for (const name of names) {
    const p = state.get(name);
    const group = groupOf(o, name, p.shape.length);
    if (!group) continue;
    const lr = at.lr * group.rate;
    const values = [
      at.scale,
      o.beta1,
      1 - o.beta1,
      o.beta2,
      1 - o.beta2,
      eps,
      (lr * root2) / (1 - o.beta1 ** at.t),
      1 - lr * group.weightDecay,
    ];
    jobs.push({
      w: p.data,
      m: state.buffer(`m:${name}`, p.shape, "float32").data,
      v: state.buffer(`v:${name}`, p.shape, "float32").data,
      g: state.get(`g:${name}`).data,
      values,
    });
  }
  const counters = new Int32Array(new SharedArrayBuffer(8));
  const large = jobs.reduce((n, j) => n + j.w.length, 0) >= ALONE;
  if (large) {
    const at = jobs
      .flatMap((j) => [j.w, j.m, j.v, j.g])
      .map((x) => [koffi.address(x), x.byteLength] as const);
    for (const helper of helpers()) helper({ at, values: jobs.map((j) => j.values), counters });
  }
  work(jobs, counters);
  const all = grains(jobs);
  for (let done = Atomics.load(counters, DONE); done < all; done = Atomics.load(counters, DONE))
    if (Atomics.wait(counters, DONE, done, 60_000) === "timed-out")
      throw new TillerError(
        "thread_lost",
        `a thread of the optimiser did not finish: ${done} of ${all} parts are done. The weights are half updated; go on from the last saved state.`,
      );
}

/**
 * What a thread is sent: where each job's four arrays lie, four times as many as there are jobs. Arrays of shared memory
 * would do without addresses, but V8 copies from and to them word by word, which doubles the time.
 */
export interface Sent {
  readonly at: readonly (readonly [address: bigint, bytes: number])[];
  readonly values: readonly (readonly number[])[];
  readonly counters: Int32Array;
}
type Helper = (sent: Sent) => void;
let made: readonly Helper[] | undefined;
/** The other threads, started when they are first wanted; until one is up, its share is done by those that are. */
const helpers = (): readonly Helper[] =>
  (made ??= Array.from({ length: threads() - 1 }, () => {
    const { port1, port2 } = new MessageChannel();
    const bell = new Int32Array(new SharedArrayBuffer(4));
    const port: MessagePort = port1;
    new Worker(new URL("./fused-thread.ts", import.meta.url), {
      workerData: { port: port2, bell },
      transferList: [port2],
    }).unref();
    port.unref();
    return (sent) => {
      port.postMessage(sent);
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
    };
  }));

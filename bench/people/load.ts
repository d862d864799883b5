/**
 * Raters over HTTP, in a process of their own: each takes a task, thinks, answers, and takes the next. Cycles are
 * scheduled ahead, so that a slow server makes the numbers worse and not the load lighter.
 * Run by bench/people/main.ts, which writes one JSON line of `Load` to its standard input and reads one of `Loaded`.
 */
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { NextReply, rng, SubmitReply } from "@tiller/schema";

export const Load = z.strictObject({
  addresses: z.array(z.string()).min(1),
  sessions: z.array(z.string()).min(1),
  rate: z.number().describe("submissions a second, all raters together"),
  seconds: z.number(),
  warmUp: z.number().describe("seconds before measuring begins"),
});
export type Load = z.infer<typeof Load>;
export const Loaded = z.strictObject({
  next: z.array(z.number()).describe("ms"),
  submit: z.array(z.number()).describe("ms, from when it was due"),
  answers: z.array(z.string()).describe("ids the server confirmed, warm-up included"),
  empty: z.number(),
  errors: z.array(z.string()),
});
export type Loaded = z.infer<typeof Loaded>;

const agent = new Agent({ keepAlive: true, maxSockets: 2000 });
const post = (address: string, path: string, session: string, body: unknown) =>
  new Promise<{ status: number; body: unknown }>((resolve, reject) => {
    const sent = JSON.stringify(body);
    const r = request(
      `${address}${path}`,
      {
        method: "POST",
        agent,
        headers: {
          authorization: `Bearer ${session}`,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(sent),
        },
      },
      (reply) => {
        text(reply).then(
          (t) => resolve({ status: reply.statusCode ?? 0, body: JSON.parse(t) as unknown }),
          reject,
        );
      },
    );
    r.on("error", reject);
    r.end(sent);
  });

async function run(o: Load): Promise<Loaded> {
  const out: Loaded = { next: [], submit: [], answers: [], empty: 0, errors: [] };
  const period = (1000 * o.sessions.length) / o.rate; // of one rater
  const start = performance.now() + 500;
  const [measured, end] = [start + 1000 * o.warmUp, start + 1000 * (o.warmUp + o.seconds)];
  const random = rng(1, "load");
  const until = (t: number) => sleep(Math.max(0, t - performance.now()));
  const rater = async (session: string, i: number, offset: number) => {
    const address = o.addresses[i % o.addresses.length];
    for (let due = start + offset; due < end; due += period) {
      await until(due - 0.8 * period); // reads for most of its time
      const asked = performance.now();
      const reply = await post(address, "/api/desk/next", session, {});
      if (reply.status !== 200)
        throw new Error(`next: ${reply.status} ${JSON.stringify(reply.body)}`);
      const got = performance.now();
      if (asked >= measured) out.next.push(got - asked);
      const next = NextReply.parse(reply.body);
      if (next.kind === "empty") {
        out.empty++;
        continue;
      }
      if (next.beside.first)
        await post(address, "/api/desk/instructions", session, {
          type: next.lease.type,
          version: next.lease.typeVersion,
        });
      await until(due);
      const answer = {
        lease: next.lease.lease,
        value: { choice: random.choose(["a", "b"] as const) },
        activeSeconds: 3,
        idleSeconds: 0,
      };
      const at = Math.max(due, got);
      const sent = await post(address, "/api/desk/answers", session, answer);
      if (sent.status !== 200)
        throw new Error(`answers: ${sent.status} ${JSON.stringify(sent.body)}`);
      out.answers.push(SubmitReply.parse(sent.body).answer);
      if (at >= measured) out.submit.push(performance.now() - at);
    }
  };
  await Promise.all(
    o.sessions.map((session, i) =>
      rater(session, i, period * (0.8 + random.next())).catch((e: unknown) => {
        out.errors.push(String(e));
      }),
    ),
  );
  agent.destroy();
  return out;
}

if (import.meta.main) {
  const loaded = await run(Load.parse(JSON.parse(await text(process.stdin))));
  process.stdout.write(JSON.stringify(loaded));
}

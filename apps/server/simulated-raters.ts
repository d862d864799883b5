/** Simulated raters at the public door: they sign in by link and work through the same HTTP API as people. */
import { setTimeout as sleep } from "node:timers/promises";
import { kindOf } from "@tiller/crowd";
import { type Lease, NextReply, type Rng, rng } from "@tiller/schema";
import { type SimulatedRater, simulateView } from "@tiller/task";

export interface SimulatedSeat {
  readonly rater: SimulatedRater;
  readonly link: string;
}

/** Runs until the signal; idles while there is no work. */
export async function simulate(o: {
  address: string;
  seats: readonly SimulatedSeat[];
  seed: number;
  signal: AbortSignal;
  think?: number;
}): Promise<void> {
  await Promise.all(
    o.seats.map((seat) =>
      work(seat, o).catch((e: unknown) =>
        o.signal.aborted ? undefined : console.error(`simulated rater ${seat.rater.name}:`, e),
      ),
    ),
  );
}

/** As the code of the kind has it; by its view where the code is not here. */
export function answerTo(
  lease: Pick<Lease, "type" | "typeVersion" | "view" | "input" | "swap">,
  rater: SimulatedRater,
  random: Rng,
): unknown {
  const { type, typeVersion, view, swap } = lease;
  const skill = rater.noise === undefined ? 0 : 1 - rater.noise;
  const def = kindOf(type, typeVersion);
  return def
    ? def.simulate(def.input.parse(lease.input), { rng: random, skill, by: { rater, swap } })
    : simulateView(view, lease.input, { rng: random, skill });
}

async function work(
  { rater, link }: SimulatedSeat,
  o: { address: string; seed: number; signal: AbortSignal; think?: number },
): Promise<void> {
  const signedIn = await fetch(link, { redirect: "manual", signal: o.signal });
  const cookie = signedIn.headers.getSetCookie()[0]?.split(";")[0];
  if (!cookie) throw new Error(`the sign-in link answered ${signedIn.status} without a session`);
  // without the signal: each request would leave a listener on it
  const post = (path: string, body: unknown) =>
    fetch(`${o.address}/api/desk/${path}`, {
      method: "POST",
      headers: { cookie, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const pause = (ms = 500) => sleep(ms, undefined, { signal: o.signal });
  while (!o.signal.aborted) {
    const reply = await post("next", {});
    if (reply.status >= 500) {
      await pause(); // the server is in trouble: a person would try again too
      continue;
    }
    if (!reply.ok) throw new Error(`next: ${reply.status} ${await reply.text()}`);
    const next = NextReply.parse(await reply.json());
    if (next.kind === "empty") {
      await pause(next.retryAfterMs);
      continue;
    }
    const { lease, task } = next.lease;
    const random = rng(o.seed, "rater", rater.name, task);
    const value = answerTo(next.lease, rater, random);
    const activeSeconds = rater.seconds * Math.exp(0.4 * random.normal());
    if (o.think) await pause(o.think);
    const sent = await post("answers", { lease, value, activeSeconds, idleSeconds: 0 });
    if (sent.status >= 500) await pause(); // the lease is still ours: it comes back with the next
    else if (!sent.ok && sent.status !== 409 && sent.status !== 410)
      throw new Error(`answers: ${sent.status} ${await sent.text()}`);
  }
}

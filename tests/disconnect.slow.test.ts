/** A client that hangs up over real HTTP, streamed or not, frees the sampler: its process comes to rest, and the next is answered at once. */
import { readFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CheckpointId } from "@tiller/schema";
import { ensurePerson, issueToken } from "@tiller/store";
import { saveCheckpointRow } from "@tiller/lab";
import { openServer, type TestServer } from "./fixtures/server.ts";
import { idsOf, saveSpeaker, speakerOf } from "./fixtures/speaker.ts";

let site: TestServer;
let key: string;
let folder: string;
beforeAll(async () => {
  site = await openServer();
  const { store, home } = site;
  folder = path.join(home, "loop");
  const ids = [...idsOf("!"), ...idsOf("abcdefghij")];
  const chain = [
    ...ids.slice(1).map((id, i) => [ids[i]!, id] as const),
    [ids.at(-1)!, ids[1]!] as const,
  ];
  await saveSpeaker(folder, speakerOf("", { chain, positions: 8192 }));
  const id = CheckpointId.parse("loop-1");
  await saveCheckpointRow(store.db, {
    id,
    name: "loop",
    role: "lm",
    path: folder,
    run: null,
    parent: null,
    metrics: {},
  });
  const me = await ensurePerson(store.db, {
    id: "api",
    name: "API",
    pseudonym: "api",
    role: "service",
  });
  key = await issueToken(store.db, me.id, "key");
}, 120_000);
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
});

const pidOf = () => site.sampler.processes.get(folder)!;
/** Processor time of a process so far, in hundredths of a second. */
const ticks = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
};
const busy = async (pid: number): Promise<number> => {
  const before = ticks(pid);
  await sleep(1000);
  return ticks(pid) - before;
};
const ask = (body: object, heard: (text: string) => void) => {
  const sent = request(`${site.address}/v1/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
  });
  sent.on("response", (reply) => reply.on("data", (d: Buffer) => heard(d.toString())));
  sent.on("error", () => {}); // we hang up
  sent.end(JSON.stringify({ model: "loop", prompt: "!", temperature: 0, ...body }));
  return sent;
};

test.runIf(process.platform === "linux").each([true, false])(
  "streamed: %s",
  async (stream) => {
    const short = await fetch(`${site.address}/v1/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "loop", prompt: "!", max_tokens: 3 }),
    });
    expect(short.status).toBe(200);
    await short.text();
    const pid = pidOf();
    expect(await busy(pid)).toBeLessThan(30); // at rest
    let said = "";
    const sent = ask({ max_tokens: 8000, n: 128, stream }, (text) => (said += text));
    await expect.poll(() => busy(pid), { timeout: 60_000 }).toBeGreaterThan(40);
    if (stream) await expect.poll(() => said.length, { timeout: 30_000 }).toBeGreaterThan(100);
    sent.destroy();
    await expect.poll(() => busy(pid), { timeout: 20_000 }).toBeLessThan(30);
    expect(pidOf()).toBe(pid); // the same process: nothing was killed for it
  },
  180_000,
);

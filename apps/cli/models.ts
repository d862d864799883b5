/** tiller models: which models can be called, what they cost so far and what the cache saved, and a call to try one. */
import path from "node:path";
import { z } from "zod";
import { modelPage, modelsFile, modelUse } from "@tiller/model";
import { prompt, TillerError } from "@tiller/schema";
import { servedCheckpoints } from "@tiller/lab";
import { SamplerPool, serverModelClient } from "@tiller/serve";
import { defaultHome, openStore, type Store } from "@tiller/store";
import { command, verb } from "./command.ts";
import { countFlag, flag, homeFlag, numberFlag } from "./flags.ts";
import { table } from "./table.ts";

const DAYS = 30;
const where = {
  models: flag(z.string().min(1).optional(), "FILE", "models.json in another place than the home"),
  home: homeFlag,
};
const tryFlags = {
  temperature: numberFlag(z.number().min(0).max(2)).optional().describe("of the draws"),
  tokens: countFlag(z.int().positive()).default(200).describe("at most"),
  seed: countFlag(z.int()).optional().describe("where the model takes one"),
  logprobs: z.boolean().default(false).describe("print each token's log-prob"),
  cache: z.boolean().default(false).describe("answer from the cache, and keep the reply"),
  ...where,
};
type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;

const open = (o: { home?: string | undefined }): Promise<Store> =>
  openStore({
    home: path.resolve(o.home ?? defaultHome()),
    databaseUrl: process.env["DATABASE_URL"],
    guest: true,
  });
const count = (n: number) => n.toLocaleString("en-GB");
const money = (n: number) => `$${n.toFixed(n > 0 && n < 0.01 ? 5 : 2)}`;

async function list(o: Flags<typeof where>): Promise<number> {
  await using store = await open(o);
  using sampler = new SamplerPool();
  const client = serverModelClient({ store, sampler, file: o.models });
  const uses = new Map((await modelUse(store.db, DAYS)).map((u) => [u.model, u]));
  const states = client.states();
  const others = [...uses.keys()].filter((name) => !states.some((s) => s.name === name));
  if (!states.length)
    console.log(
      `${modelsFile({ home: store.home, file: o.models, env: process.env })} names no models; docs/model-calls.md says how.`,
    );
  const checkpoints = (await servedCheckpoints(store.db)).map((c) => c.name).join(", ");
  console.log(`Registered checkpoints, called by name: ${checkpoints || "none yet"}`);
  if (!states.length && !others.length) return 0;
  const row = (name: string, at: string) => {
    const u = uses.get(name);
    return [
      name,
      at,
      count(u?.calls ?? 0),
      count(u?.hits ?? 0),
      count((u?.promptTokens ?? 0) + (u?.completionTokens ?? 0)),
      money(u?.cost ?? 0),
      money(u?.saved ?? 0),
    ];
  };
  console.log(
    table(
      ["model", "asked at", `calls in ${DAYS} days`, "of them cached", "tokens", "cost", "saved"],
      [
        ...states.map((s) => row(s.name, s.at)),
        ...others.map((name) => row(name, "not in models.json")),
      ],
    ),
  );
  return 0;
}

async function show(o: Flags<typeof where>, name: string): Promise<number> {
  await using store = await open(o);
  using sampler = new SamplerPool();
  const client = serverModelClient({ store, sampler, file: o.models });
  const state = client.states().find((s) => s.name === name);
  const { days, kept, calls } = await modelPage(store.db, name, { days: DAYS, calls: 10 });
  if (!state && !days.length)
    throw new TillerError(
      "unknown_model",
      `there is no model ${name}, and none was called so. There are: ${client.names().join(", ") || "none"}. Add it to models.json.`,
    );
  console.log(
    `${name}: ${state ? `${state.at}, at most ${state.places} requests at once` : "not in models.json"}`,
  );
  if (days.length)
    console.log(
      `\n${table(
        [
          "day",
          "calls",
          "cached",
          "failed",
          "requests",
          "repairs",
          "tokens in",
          "out",
          "cost",
          "saved",
        ],
        days.map((d) => [
          d.day,
          ...[d.calls, d.hits, d.failed, d.attempts, d.repairs].map(count),
          ...[d.promptTokens, d.completionTokens].map(count),
          money(d.cost),
          money(d.saved),
        ]),
      )}`,
    );
  console.log(
    `\n${count(kept.replies)} replies in the cache, ${count(kept.hits)} hits, ${money(kept.saved)} saved`,
  );
  const line = (text: string) => {
    const one = text.replace(/\s+/g, " ").trim();
    return one.length > 40 ? `${one.slice(0, 39)}\u2026` : one;
  };
  if (calls.length)
    console.log(
      `\n${table(
        ["asked most often", "reply", "hits"],
        calls.map((c) => [line(c.prompt), line(c.text), count(c.hits)]),
      )}`,
    );
  return 0;
}

/** The words as they come, then what the call took. */
async function attempt(o: Flags<typeof tryFlags>, name: string, words: string): Promise<number> {
  await using store = await open(o);
  using sampler = new SamplerPool();
  const client = serverModelClient({ store, sampler, file: o.models });
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new TillerError("stopped", "stopped by Ctrl-C.")));
  const reply = await client.call(name, prompt`${words}`, {
    temperature: o.temperature,
    maxTokens: o.tokens,
    seed: o.seed,
    logprobs: o.logprobs,
    cache: o.cache ? true : undefined,
    signal: stop.signal,
    onText: (delta, text) => {
      // a broken stream begins anew
      process.stdout.write(delta === text && delta !== "" ? `\n${delta}` : delta);
    },
  });
  const estimated = reply.estimated ? " (estimated)" : "";
  console.log(
    `\n\n${reply.model}: ${reply.cached ? "from the cache" : `${count(reply.promptTokens)} tokens in, ${count(reply.completionTokens)} out${estimated}, ${money(reply.cost)}`}, ` +
      `${(reply.ms / 1000).toFixed(1)} s, ${reply.attempts} ${reply.attempts === 1 ? "request" : "requests"}, ended by ${reply.finish}`,
  );
  if (reply.logprobs)
    console.log(
      `\n${table(
        ["token", "log-prob"],
        reply.logprobs.map((t) => [JSON.stringify(t.token), t.logprob.toFixed(3)]),
      )}`,
    );
  return 0;
}

export const modelsCommand = command("models", {
  list: verb({ what: "all of them, with calls and cost", flags: where, run: list }),
  show: verb({ what: "one, day by day", takes: ["NAME"], flags: where, run: show }),
  try: verb({ what: "one call", takes: ["NAME", "PROMPT"], flags: tryFlags, run: attempt }),
});

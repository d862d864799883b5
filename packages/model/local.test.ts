/** Checkpoints on this machine: what the engine leaves out is never made up. */
import { chat, prompt } from "@tiller/schema";
import { expect, test } from "vitest";
import { ModelsConfig } from "./config.ts";
import type { Engine, EnginePart } from "./local.ts";
import { openModelClient } from "./client.ts";

const id = "a".repeat(64);
const saying = (...parts: EnginePart[]): Engine => ({
  names: async () => ["base"],
  resolve: async () => ({ id, chat: false }),
  complete: async function* () {
    yield* parts;
  },
});
const call = (engine: Engine, logprobs: boolean) =>
  openModelClient({
    config: ModelsConfig.parse({ own: { kind: "local", checkpoint: "base" } }),
    engine,
  }).call("own", chat(prompt`Say it.`), { logprobs });

test("log-probs come with every token, or the call fails and says which has none", async () => {
  const [a, b] = [
    { text: "it", logprob: -0.5 },
    { text: " is", logprob: -1 },
  ];
  const end = { tokens: [], finish: "stop" } as const;
  const whole = await call(saying({ tokens: [a] }, { tokens: [b] }, end), true);
  expect(whole.logprobs).toEqual([
    { token: "it", logprob: -0.5 },
    { token: " is", logprob: -1 },
  ]);
  for (const tokens of [[{ text: "it" }, b], [a, { text: " is" }], [{ text: "it" }]]) {
    await expect(call(saying({ tokens }, end), true)).rejects.toMatchObject({
      code: "model_no_logprobs",
      message: expect.stringMatching(/no log-prob of the token "( is|it)".*Ask without logprobs/s),
    });
    expect((await call(saying({ tokens }, end), false)).logprobs).toBeNull();
  }
});

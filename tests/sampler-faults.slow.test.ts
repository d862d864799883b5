/**
 * What must not spread: processes that are killed or stand still, prompts that take for ever, checkpoints whose
 * template, pattern or size never ends. The request that has the trouble gets an error; the others get their answers.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GenerateRequest, type Part, plainDraw, SamplerPool, textOf } from "@tiller/serve";
import { byteTokenizer, idsOf, saveSpeaker, speakerOf } from "./fixtures/speaker.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-faults-"));
const sampler = new SamplerPool({ misses: 10, checkMs: 500 });
const at = (name: string) => path.join(home, name);
const base = fileURLToPath(new URL("../models/base", import.meta.url));

beforeAll(async () => {
  const ids = [...idsOf("!"), ...idsOf("abcdefghij")];
  const chain = [
    ...ids.slice(1).map((id, i) => [ids[i]!, id] as const),
    [ids.at(-1)!, ids[1]!] as const,
  ];
  await saveSpeaker(at("loop"), speakerOf("", { chain, positions: 2048 }));
  await saveSpeaker(at("letters"), speakerOf("abcdefghij"));
  const template =
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";
  await saveSpeaker(
    at("template"),
    speakerOf("abc", { chatFiles: { "chat_template.jinja": template } }),
  );
  const greedy =
    "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}";
  await saveSpeaker(
    at("memory"),
    speakerOf("abc", { chatFiles: { "chat_template.jinja": greedy } }),
  );
  await saveSpeaker(
    at("pattern"),
    speakerOf("abc", {
      tokenizer: {
        ...byteTokenizer,
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated", invert: false },
            { ...byteTokenizer.pre_tokenizer, use_regex: false },
          ],
        },
      },
    }),
  );
  await saveSpeaker(at("layers"), speakerOf("abc"));
  const file = path.join(at("layers"), "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...config, n_layer: 1e9 }));
}, 60_000);
afterAll(() => {
  sampler[Symbol.dispose]();
  rmSync(home, { recursive: true, force: true });
});

async function reply(o: Partial<GenerateRequest>, hear: (p: Part) => void = () => {}) {
  const parts: Part[] = [];
  const asked = {
    ...plainDraw,
    path: at("letters"),
    prompt: "!",
    maxTokens: 20,
    capped: false,
    temperature: 0,
    topP: 1,
    seed: 1,
    stop: [],
    ...o,
  };
  for await (const p of sampler.generate(asked, new AbortController().signal)) {
    parts.push(p);
    hear(p);
  }
  return textOf(parts.flatMap((p) => p.tokens));
}
const letters = "abcdefghij".repeat(200);

test("a process that is killed is replaced, and its replies go on where they were", async () => {
  await reply({ path: at("loop"), maxTokens: 1 });
  const pid = sampler.processes.get(at("loop"))!;
  let heard = 0;
  const texts = await Promise.all(
    [1500, 900, 3].map((maxTokens) =>
      reply({ path: at("loop"), maxTokens }, () => {
        if (++heard === 200) process.kill(pid, "SIGKILL");
      }),
    ),
  );
  expect(texts).toEqual([1500, 900, 3].map((n) => letters.slice(0, n)));
  expect(sampler.processes.get(at("loop"))).not.toBe(pid);
}, 120_000);

test("a process that stands still is replaced", async () => {
  const pid = sampler.processes.get(at("loop"))!;
  process.kill(pid, "SIGSTOP");
  expect(await reply({ path: at("loop"), maxTokens: 30 })).toBe(letters.slice(0, 30));
  expect(sampler.processes.get(at("loop"))).not.toBe(pid);
}, 120_000);

test("a request whose process ends each time is refused, and its neighbour is answered", async () => {
  // whoever runs while this one does ends its process
  const evil = reply({ path: at("loop"), maxTokens: 2000, seed: 666 }, () => {
    process.kill(sampler.processes.get(at("loop"))!, "SIGKILL");
  });
  const neighbour = reply({ path: at("loop"), maxTokens: 50 });
  await expect(evil).rejects.toMatchObject({ code: "sampler_crashed" });
  expect(await neighbour).toBe(letters.slice(0, 50));
}, 120_000);

test("a template, a pattern and a size that never end cost their own requests alone", async () => {
  const messages = [{ role: "user", content: "hi" }];
  const hostile = Promise.allSettled([
    reply({ path: at("template"), prompt: messages }),
    reply({ path: at("memory"), prompt: messages }),
    reply({ path: at("pattern"), prompt: `${"a".repeat(60)}!` }),
    reply({ path: at("layers") }),
  ]);
  for (let i = 0; i < 5; i++) expect(await reply({})).toBe("abcdefghij");
  for (const outcome of await hostile) {
    expect(outcome.status).toBe("rejected");
    const { code, message } = (outcome as PromiseRejectedResult).reason as {
      code: string;
      message: string;
    };
    expect(code).not.toBe("server_error");
    expect(message.length).toBeGreaterThan(40);
  }
  // the models themselves go on, where the prompt is none of the trouble
  expect(await reply({ path: at("template") })).toBe("abc");
}, 300_000);

test("the long prompt of one model stops no other, and is refused by its bytes at once", async () => {
  const word = Array.from({ length: 400_000 }, (_, i) =>
    String.fromCharCode(97 + ((i * 7919 + i * i) % 26)),
  ).join("");
  const start = performance.now();
  await expect(reply({ path: base, prompt: word })).rejects.toMatchObject({ code: "too_long" });
  expect(performance.now() - start).toBeLessThan(20_000); // minutes, when it is cut into tokens one pair at a time
}, 120_000);

test("many checkpoints share few processes", async () => {
  const names = ["letters", "loop", "template", "memory", "pattern"];
  const texts = await Promise.all(names.map((n) => reply({ path: at(n), maxTokens: 2 })));
  expect(texts).toEqual(names.map(() => "ab"));
  expect(sampler.processes.size).toBeLessThanOrEqual(4);
}, 120_000);

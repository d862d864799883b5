/** What all contenders of the bench read: a base, a reward model, and texts of exactly so many tokens. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import {
  gpt2Config,
  headSpecs,
  initParams,
  loadTokenizerJson,
  paramSpecs,
  saveCheckpoint,
  shapeOf,
} from "@tiller/lm";
import { rng } from "@tiller/schema";
import { State } from "@tiller/tensor";

const VOCABULARY = 2048;
export const config = gpt2Config({
  layers: 4,
  width: 128,
  heads: 4,
  vocab: VOCABULARY,
  positions: 256,
});
/** Tokens: of an episode's prompt and response, of a text to learn from, of its prompt. */
export const sizes = { batch: 16, length: 128, prompt: 64, episodes: 64, query: 32, response: 32 };

/** The released tokenizer's first 2,046 tokens and the merges that make them; its two special tokens come after them. */
function tokenizer(root: string): unknown {
  const json = z
    .looseObject({
      added_tokens: z.array(z.looseObject({ content: z.string(), id: z.int() })).length(2),
      model: z.looseObject({
        vocab: z.record(z.string(), z.int()),
        merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
      }),
    })
    .parse(JSON.parse(readFileSync(path.join(root, "models/base/tokenizer.json"), "utf8")));
  const added = json.added_tokens.map((t, i) => ({ ...t, id: VOCABULARY - 2 + i }));
  const special = new Map(added.map((t) => [t.content, t.id]));
  const plain = Object.entries(json.model.vocab).filter(
    ([token, id]) => id < VOCABULARY - 2 && !special.has(token),
  );
  const vocab = new Map([...plain, ...special]);
  const merges = json.model.merges.filter((m) =>
    vocab.has(typeof m === "string" ? m.replace(" ", "") : m.join("")),
  );
  const model = { ...json.model, vocab: Object.fromEntries(vocab), merges };
  return { ...json, added_tokens: added, model };
}

export interface Prepared {
  readonly base: string;
  readonly reward: string;
  /** JSON of `Data` */
  readonly data: string;
}
export interface Data {
  /** of `query` tokens, and those */
  readonly queries: readonly string[];
  readonly queryIds: readonly (readonly number[])[];
  /** a prompt of `prompt` tokens; sides that fill it up to `length`, end-of-text included */
  readonly pairs: readonly {
    readonly prompt: string;
    readonly chosen: string;
    readonly rejected: string;
  }[];
}
export async function prepare(folder: string, root: string): Promise<Prepared> {
  const tokenizerJson = tokenizer(root);
  const shape = shapeOf(config);
  const save = async (name: string, role: "lm" | "reward") => {
    const specs = [...paramSpecs(shape), ...(role === "reward" ? headSpecs(shape) : [])];
    const state = new State();
    initParams(state, specs, rng(1, name));
    const tensors = new Map(
      specs.map((s) => [s.name, { shape: s.shape, data: state.get(s.name).data }]),
    );
    const dir = path.join(folder, name);
    const meta = { role, ...(role === "reward" && { pooling: "last" as const }) };
    await saveCheckpoint(dir, { config, tensors, tokenizer: tokenizerJson, meta });
    return dir;
  };
  const [base, reward] = [await save("base", "lm"), await save("reward", "reward")];

  // words that are one token after any other, so that a text of n words has n tokens for everyone
  const t = loadTokenizerJson(tokenizerJson);
  const words = Array.from({ length: VOCABULARY }, (_, id) => t.decode([id])).filter(
    (word) => /^ [a-z]{2,}$/.test(word) && t.encode(word).length === 1,
  );
  const random = rng(1, "texts");
  const text = (n: number) => Array.from({ length: n }, () => random.choose(words)).join("");
  const queries = Array.from({ length: sizes.episodes }, () => text(sizes.query));
  const queryIds = queries.map((q) => t.encode(q));
  const side = () => text(sizes.length - sizes.prompt - 1);
  const pairs = Array.from({ length: 128 }, () => ({
    prompt: text(sizes.prompt),
    chosen: side(),
    rejected: side(),
  }));
  const odd = [...queries, ...pairs.map((p) => p.prompt + p.chosen)].find(
    (s) => ![sizes.query, sizes.length - 1].includes(t.encode(s).length),
  );
  if (odd !== undefined)
    throw new Error(`${t.encode(odd).length} tokens in ${JSON.stringify(odd)}`);
  const data = path.join(folder, "data.json");
  writeFileSync(data, JSON.stringify({ queries, queryIds, pairs } satisfies Data));
  return { base, reward, data };
}

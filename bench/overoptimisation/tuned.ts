/** Rewards that are fine-tuned from the committed base, for a few of the sizes: what they say of held-out texts. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { rewardJob } from "@tiller/learn";
import { loadReward } from "@tiller/learn/model.ts";
import { Scorer } from "@tiller/learn/score.ts";
import { encodeAfter, encodePrompt } from "@tiller/lm";
import { run } from "../jobs.ts";
import type { PreferenceSet } from "../preferences.ts";
import { type Cell, cellOf, partsOf } from "./people.ts";

const base = path.resolve(import.meta.dirname, "../../models/base");
const maxTokens = 64;

export async function tunedCells(
  set: PreferenceSet,
  o: {
    readonly seeds: readonly number[];
    readonly labels: readonly number[];
    readonly keep: string;
  },
): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const seed of o.seeds)
    for (const [f, part] of partsOf(set, seed).entries())
      for (const labels of o.labels) {
        const name = `tuned-${labels}-${seed}-${f}`;
        const file = path.join(o.keep, `${name}.json`);
        if (!existsSync(file)) {
          console.error(name);
          const pairs = part.training.slice(0, labels).map((r) => ({
            prompt: "",
            chosen: set.texts[r.b]!.text,
            rejected: set.texts[r.a]!.text,
          }));
          const made = await run(
            rewardJob,
            path.join(o.keep, name),
            {
              config: { epochs: 2, batch: 16, validation: 0 },
              base,
              pairs: "pairs",
              maxTokens,
              seed,
            },
            { pairs },
          );
          writeFileSync(file, JSON.stringify(await scores(set, made.out)));
        }
        const rewards = z.array(z.number()).parse(JSON.parse(readFileSync(file, "utf8")));
        cells.push(cellOf(seed, `tuned ${labels}`, rewards, part));
      }
  return cells;
}

async function scores(set: PreferenceSet, folder: string): Promise<number[]> {
  const model = await loadReward(folder);
  using scorer = new Scorer(model, 32, maxTokens);
  const query = encodePrompt(model.tokenizer, "").ids;
  return scorer.score(
    set.texts.map(({ text }) => ({
      query,
      response: encodeAfter(model.tokenizer, "", text).slice(0, maxTokens - query.length),
    })),
  );
}

/**
 * Which answers to experts' questions still stand in a tree's summaries, by depth, where each node keeps sentences of what it reads up to
 * its cap (Wu et al.'s), beside as many words of the story taken at once. No model writes anything here.
 * npm run bench -- answers-by-depth [--windows 512,2048] [--json]
 * Stories: fairytaleqa/train.jsonl.gz in TILLER_DATA, if it does not lie beside the repository.
 */
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { figureOf } from "@tiller/book/annotations.ts";
import { z } from "zod";
import { machineNow } from "./over-seeds.ts";
import { policies, storyDepths } from "../recipes/answer-retention/depths.ts";
import { storiesIn } from "../recipes/answer-retention/stories.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    windows: { type: "string", default: "512,2048" },
    json: { type: "boolean", default: false },
  },
});
const windows = z.array(z.int().min(256)).parse(values.windows.split(",").map(Number));
const data = process.env["TILLER_DATA"] ?? path.resolve(import.meta.dirname, "../../shared/data");
const stories = storiesIn(data, { matching: "words", splitter: "unicode" });

interface Row {
  readonly window: number;
  readonly policy: string;
  /** by depth from the root: of stories that have it */
  readonly depth: number;
  readonly stories: number;
  readonly words: number;
  readonly tree: ReturnType<typeof figureOf>;
  readonly atOnce: ReturnType<typeof figureOf>;
}
const rows: Row[] = [];
for (const window of windows)
  for (const policy of policies) {
    const found = [];
    for (const s of stories) found.push(...(await storyDepths(s, { window, policy })));
    for (const [depth, at] of [...Map.groupBy(found, (f) => f.depth)].toSorted(
      ([a], [b]) => a - b,
    )) {
      const figure = (of: "tree" | "atOnce") =>
        figureOf(at.flatMap((f) => f[of].map((kept) => ({ book: f.story, value: Number(kept) }))));
      const words = at.reduce((n, f) => n + f.words, 0) / at.reduce((n, f) => n + f.of, 0);
      const tree = figure("tree");
      rows.push({
        window,
        policy,
        depth,
        stories: at.length,
        words,
        tree,
        atOnce: figure("atOnce"),
      });
      console.error(`${policy}, ${window}, depth ${depth}: ${(100 * tree.mean).toFixed(1)} %`);
    }
  }
if (values.json) console.log(JSON.stringify(rows));
else {
  const pc = (x: number) => (100 * x).toFixed(1);
  const share = (f: Row["tree"]) => `${pc(f.mean)} (${pc(f.low)} to ${pc(f.high)})`;
  console.log(`${stories.length} stories; ${machineNow()}\n`);
  console.log(
    "| window | sentences | depth | stories | % of the words | tree | as many words at once |",
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const r of rows)
    console.log(
      `| ${r.window} | ${r.policy} | ${r.depth} | ${r.stories} | ${pc(r.words)} | ${share(r.tree)} | ${share(r.atOnce)} |`,
    );
}

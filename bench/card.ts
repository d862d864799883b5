/**
 * The card of a dataset of a hundred thousand comparisons, and the page of its rows: how long they take. Rows: two windows of
 * thirty words each of a novel and of speeches, one in ten nearly a copy of another row; fifty people, three votes a task. npm run
 * bench -- card --rows 100000 --json
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { datasetDesk } from "@tiller/data";
import { saveDataset } from "@tiller/lab";
import { ExamplesQuery, rng } from "@tiller/schema";
import { openStore } from "@tiller/store";
import { corpus } from "../recipes/corpus.ts";
import { machineNow } from "./over-seeds.ts";

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const WORDS = 30;
const { moby, sotu } = corpus();
const words = `${moby}\n${sotu}`.split(/\s+/);
const drawn = rng(Number(flags.seed), "card");
const text = () => {
  const at = drawn.int(words.length - WORDS);
  return words.slice(at, at + WORDS).join(" ");
};
interface Row {
  readonly task: string;
  readonly prompt: string;
  readonly a: string;
  readonly b: string;
  readonly weight: number;
  readonly split: string;
  readonly votes: readonly { readonly by: string; readonly choice: string }[];
}
const rows: Row[] = [];
for (let i = 0; i < Number(flags.rows); i++) {
  const copied = i > 0 && drawn.next() < 0.1 ? drawn.choose(rows) : undefined;
  rows.push({
    task: `t${i}`,
    prompt: copied?.prompt ?? text(),
    a: copied ? `${copied.a} ${drawn.choose(words)}` : text(),
    b: copied?.b ?? text(),
    weight: drawn.next(),
    split: drawn.next() < 0.1 ? "held out" : "train",
    votes: Array.from({ length: 3 }, () => ({
      by: `p${drawn.int(50)}`,
      choice: drawn.choose(["a", "b", "tie"]),
    })),
  });
}

const home = mkdtempSync(path.join(tmpdir(), "tiller-bench-card-"));
const seconds: Record<string, number> = {};
try {
  await using store = await openStore({ home });
  const timed = async <T>(name: string, doing: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const made = await doing();
    seconds[name] = (performance.now() - began) / 1000;
    return made;
  };
  const about = { name: "comparisons", experiment: null, rows };
  const id = await timed("saved", () => saveDataset(store.db, home, about));
  const card = await timed("card made", () => datasetDesk(store).card(id));
  // as after a restart: nothing is known, all is kept
  const desk = datasetDesk(store);
  await timed("card read", () => desk.card(id));
  const page = (name: string, query: Record<string, unknown>) =>
    timed(name, () => desk.examples(id, ExamplesQuery.parse(query)));
  await page("first page, index read", {});
  await page("first page", {});
  await page("the last page", { offset: Number(flags.rows) - 20 });
  const disputed = await page("least agreed first", { sort: "disagreement" });
  await page("near-duplicates", { part: "near" });
  await page("of one person", { rater: "p7", sort: "weakest" });
  if (!disputed.rows.length || card.rows !== rows.length || !card.duplicates.near)
    throw new Error("the card or a page of it is empty");
  const found = {
    rows: card.rows,
    near: card.duplicates.near,
    groups: card.duplicates.groups,
    people: card.peopleInAll,
    alpha: card.agreement?.krippendorff.at,
  };
  if (flags.json) console.log(JSON.stringify({ ...found, seconds, machine: machineNow() }));
  else {
    console.log(`${JSON.stringify(found)}\n${machineNow()}\n\n| what | seconds |\n|---|---|`);
    for (const [name, s] of Object.entries(seconds)) console.log(`| ${name} | ${s.toFixed(3)} |`);
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exit(0); // the desks' threads stay otherwise

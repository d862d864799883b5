/**
 * A tree's summaries and labels as datasets: in the shape of summarize-from-feedback (Stiennon et al. 2020, of whose people Wu et al. 2021 are),
 * with what a tree adds under `info`, and as TRL reads them. A label whose input can no longer be rebuilt word for word is left out
 * and counted: it stays in the tree's own file.
 */
import { z } from "zod";
import { type Entry, hashOf, Log } from "@tiller/book";
import { makerOf } from "@tiller/book/keys.ts";
import { promptOf } from "@tiller/book/prompt.ts";
import { askOf } from "@tiller/book/tree.ts";
import { isSimulatedName, own, pairFields, ThreePairs } from "@tiller/schema";
import { whereOf } from "./ask.ts";
import { count, missingFor, policyOf } from "./plan.ts";
import { type TreeFile, treeOf } from "./tree-file.ts";

const Read = z.object({ earlier: z.array(z.string()), text: z.string() });
interface Seen {
  readonly prompt: string;
  readonly earlier: readonly string[];
  readonly text: string;
}
const axes = ["Overall", "Accuracy", "Coverage", "Coherence", "Abstraction"] as const;
const three = ["first", "second", "third"] as const;
/** The ratings of one of several summaries, by the names of summarize-from-feedback. */
const axesOf = (value: Readonly<Record<string, unknown>>, prefix: string) =>
  Object.fromEntries(
    axes.flatMap((axis) => {
      const name = prefix === "" ? axis.toLowerCase() : `${prefix}${axis}`;
      const said = own(value, name);
      return typeof said === "number" ? [[axis.toLowerCase(), said]] : [];
    }),
  );

export interface TreeRows {
  readonly nodes: object[];
  readonly comparisons: object[];
  readonly axis_evals: object[];
  readonly demonstrations: object[];
  /** TRL's, and what is known of each of their rows, in the same order */
  readonly trl_preference: { prompt: string; chosen: string; rejected: string }[];
  readonly trl_preference_about: object[];
  readonly trl_demonstrations: { prompt: string; completion: string }[];
  readonly trl_demonstrations_about: object[];
}
/** `left`: labels that are in no row, by why. */
export function rowsOf(file: TreeFile): { rows: TreeRows; left: Record<string, number> } {
  const { plan, outputs } = treeOf(file);
  const { entries, settings } = file;
  const log = new Log(entries);
  const maker = makerOf(plan, policyOf(file));
  const seen = new Map<string, Seen>();
  for (const { read, saw } of entries) {
    const found = Read.safeParse(read);
    if (!found.success) continue;
    const { instructions } = settings;
    const prompt = promptOf({ instructions, ...found.data });
    if (hashOf(prompt) === saw) seen.set(saw, { ...found.data, prompt });
  }
  for (const node of plan.levels.flat())
    if (missingFor(plan, node, outputs) === undefined) {
      const ask = askOf(plan, node, outputs, { log, maker, count });
      seen.set(ask.saw, ask);
    }
  const left = new Map<string, number>();
  const leave = (why: string) => void left.set(why, (left.get(why) ?? 0) + 1);
  const lost = "what was read has changed since";
  const info = (id: string, saw: string, key: string | null) => {
    const node = plan.nodes.get(id);
    const s = seen.get(saw);
    if (!node || !s) return undefined;
    return {
      id: `${file.name}/${id}`,
      post: s.text,
      title: whereOf(plan, { node }),
      task: node.height === 0 ? "leaf" : "compose",
      height: node.height,
      node: id,
      previous: s.earlier,
      cap: node.cap,
      key,
      saw,
    };
  };
  const rows: TreeRows = {
    nodes: [],
    comparisons: [],
    axis_evals: [],
    demonstrations: [],
    trl_preference: [],
    trl_preference_about: [],
    trl_demonstrations: [],
    trl_demonstrations_about: [],
  };
  const about = ({ id, node, height, key, saw }: NonNullable<ReturnType<typeof info>>) => ({
    id,
    node,
    height,
    key,
    saw,
  });
  const human = (name: string) => (isSimulatedName(name) ? "simulated" : "human");
  const authorOf = ({ author }: Pick<Entry, "author">) =>
    author.kind === "person" ? human(author.name) : author.name;

  const people = new Set(entries.flatMap(({ author: a }) => (a.kind === "person" ? [a.name] : [])));
  const stands = new Map([...outputs].map(([id, o]) => [o.entry, { id, ...o }]));
  for (const e of entries) {
    const here = stands.get(e);
    const known = info(e.node, e.saw, here?.key ?? null);
    rows.nodes.push({
      info: known ?? { id: `${file.name}/${e.node}`, node: e.node, saw: e.saw },
      summary: { text: e.text, policy: authorOf(e), note: null },
      worker: e.author.kind === "person" ? e.author.name : null,
      standing: here?.standing ?? "old",
      tokens: e.tokens,
      at: e.at,
    });
    if (e.author.kind !== "person") continue;
    if (!known) {
      leave(lost);
      continue;
    }
    const worker = e.author.name;
    rows.demonstrations.push({
      info: known,
      summary: { text: e.text, policy: authorOf(e), note: null },
      worker,
      batch: file.name,
      split: "train",
    });
    rows.trl_demonstrations.push({ prompt: seen.get(e.saw)!.prompt, completion: e.text });
    rows.trl_demonstrations_about.push({ ...about(known), worker, at: e.at });
  }
  for (const [i, j] of file.judgments.entries()) {
    const known = info(j.node, j.saw, j.key);
    if (j.kind !== "compare" && j.kind !== "feedback" && j.kind !== "check") {
      leave(`${j.kind}: no comparison, rating or summary`);
      continue;
    }
    if (!known) {
      leave(lost);
      continue;
    }
    const policyOf = (k: number) => {
      const whose = j.policies?.[k];
      if (whose !== undefined) return people.has(whose) ? human(whose) : whose;
      const same = entries.findLast((e) => e.node === j.node && e.text === j.texts[k]);
      return same ? authorOf(same) : null;
    };
    const summary = (k: number) => ({ text: j.texts[k]!, policy: policyOf(k) });
    const end = { worker: j.author.name, batch: file.name, split: "train" };
    const extra = { judgment: i + 1, kind: j.kind, by: j.author.kind, at: j.at };
    const rate = (k: number, prefix: string, note: unknown, more: object = {}) => {
      const said = axesOf(j.value, prefix);
      if (Object.keys(said).length === 0) return;
      rows.axis_evals.push({
        info: known,
        ...end,
        summary: { ...summary(k), note: typeof note === "string" ? note : null, axes: said },
        extra: { ...extra, ...more },
      });
    };
    if (j.kind === "compare") {
      const said = ThreePairs.parse(j.value);
      for (const [field, a, b] of pairFields) {
        const choice = said[field];
        if (choice === "tie") {
          leave("ties");
          continue;
        }
        const [chosen, rejected] = choice === "a" ? [a, b] : [b, a];
        const note = { note: null };
        rows.comparisons.push({
          info: known,
          summaries: [
            { ...summary(a), ...note },
            { ...summary(b), ...note },
          ],
          choice: choice === "a" ? 0 : 1,
          ...end,
          extra,
        });
        const { prompt } = seen.get(j.saw)!;
        rows.trl_preference.push({
          prompt,
          chosen: j.texts[chosen]!,
          rejected: j.texts[rejected]!,
        });
        rows.trl_preference_about.push({ ...about(known), worker: end.worker, ...extra });
      }
      for (const [k, prefix] of three.entries()) rate(k, prefix, null);
    } else {
      const { marks, missing, bookAccuracy, bookOverall } = j.value;
      const book = { accuracy: bookAccuracy, overall: bookOverall };
      const more = j.kind === "check" ? { book } : { marks, missing };
      rate(0, "", j.value["feedback"] ?? j.value["found"], more);
    }
  }
  return { rows, left: Object.fromEntries(left) };
}

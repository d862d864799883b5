/**
 * A second reader (Wu et al. 2021, C.2): somebody else reads a summary, marks it and says what would make it better; its author answers,
 * and a summary that she changed enters the tree as an edit.
 *
 *   written nodes -> a second person reads -> the author answers -> an edit, if its price fits -> a third rates both, for a share
 *
 * The effect is the third person's rating after less the one before, with an interval. Differs from the paper: it is measured, and what a
 * changed summary sets off above it has a bound.
 */
import { z } from "zod";
import { comparePaired, treeFeedback, treeReply } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import type { PersonId } from "@tiller/schema";
import {
  judgment,
  ReadNode,
  reviseNode,
  takeOver,
  writeJudgments,
  writtenNodes,
} from "@tiller/trees";
import { summariseBook } from "./summarise-book.ts";

const Terms = {
  rated: z.number().min(0).max(1).default(0.3).describe("share of changed nodes, by a third"),
  mostAbove: z
    .int()
    .min(0)
    .default(5)
    .describe("a changed summary becomes an edit if it makes at most so many others invalid"),
};
const Input = z.strictObject({
  tree: z.string(),
  nodes: z.int().min(1).default(20).describe("read at most, drawn by the seed"),
  ...Terms,
});

export const secondReader = workflow(
  "second-reader@1",
  Input,
  async (flow, { tree, nodes, ...terms }) => {
    const chosen = await flow.step("choose", ({ store: { db } }) =>
      writtenNodes(db, tree, { most: nodes, seed: flow.seed }),
    );
    const read = await flow.map("read", chosen, (node) =>
      flow.child(readNode, { tree, node, ...terms }, { name: `read ${node.id}` }),
    );
    const edited = read.some((r) => r.came === "edited");
    const { experiment } = flow;
    if (edited && (await flow.step("grows", ({ store: { db } }) => takeOver(db, tree, experiment))))
      await flow.child(summariseBook, { tree });
    const rated = read.flatMap((r) => (r.rated ? [r.rated] : []));
    const effect =
      rated.length > 1
        ? comparePaired(
            rated.map((r) => ({ a: r.after, b: r.before })),
            { seed: flow.seed },
          )
        : null;
    const count = (what: string) => read.filter((r) => r.came === what).length;
    return {
      read: read.length,
      kept: count("kept"),
      edits: count("edited"),
      dear: count("dear"),
      moved: count("moved"),
      rated: rated.length,
      effect,
      rows: await flow.save("second-readers", read),
    };
  },
  {
    title: "A second reader of a book's summaries",
    labelling: true,
    asks: (c) => ({
      "tree-feedback": Math.round(c.nodes * (1 + 2 * c.rated)),
      "tree-reply": c.nodes,
    }),
  },
);

/** One node. */
export const readNode = workflow(
  "read-node@1",
  z.strictObject({ tree: z.string(), node: ReadNode, ...Terms }),
  async (flow, { tree, node, rated, mostAbove }) => {
    const { where, earlier, text, summary, cap, author } = node;
    const about = { where, earlier, text };
    const asked = { ...about, summary };
    const reader = await flow.ask(treeFeedback, asked, { not: author ? [author] : [] });
    const feedback = reader.value.feedback ?? "Nothing to say: only the marks.";
    // without an author who is still here, whoever is not the reader answers
    const answer = await flow.ask(
      treeReply,
      { ...asked, feedback, cap },
      author ? { only: [author] } : { not: reader.people },
    );
    const now = answer.value.summary.trim();
    const changed = answer.value.took === "changed";
    const came = await flow.step("keep", async ({ key, store: { db } }) => {
      await writeJudgments(db, tree, [
        { asked: `${key} feedback`, ...judgment("feedback", node, [summary], reader.answers[0]!) },
        { asked: `${key} reply`, ...judgment("reply", node, [summary, now], answer.answers[0]!) },
      ]);
      if (!changed) return "kept";
      const by = { id: answer.people[0] ?? null, pseudonym: answer.answers[0]!.by };
      return reviseNode(db, tree, { node, text: now, mostAbove, by });
    });
    if (!changed || flow.rng.next() >= rated) return { node: node.id, came, rated: null };
    const not = [...reader.people, ...answer.people];
    // the same third person rates both, in an order that is drawn
    const rate = (
      what: "before" | "after",
      who: { not?: readonly PersonId[]; only?: readonly PersonId[] },
    ) =>
      flow.ask(
        treeFeedback,
        { ...about, summary: what === "before" ? summary : now },
        { ...who, name: what },
      );
    const order =
      flow.rng.next() < 0.5 ? (["before", "after"] as const) : (["after", "before"] as const);
    const first = await rate(order[0], { not });
    const other = await rate(order[1], first.people.length > 0 ? { only: first.people } : { not });
    const [before, after] = order[0] === "before" ? [first, other] : [other, first];
    await flow.step("keep ratings", async ({ key, store: { db } }) =>
      writeJudgments(db, tree, [
        { asked: `${key} before`, ...judgment("feedback", node, [summary], before.answers[0]!) },
        { asked: `${key} after`, ...judgment("feedback", node, [now], after.answers[0]!) },
      ]),
    );
    const rating = { before: before.value.overall, after: after.value.overall };
    return { node: node.id, came, rated: rating };
  },
  { labelling: true },
);

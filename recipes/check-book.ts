/**
 * Whether a tree's summaries are so: what each sentence claims, with a verdict and the words that show it, against the node's direct
 * input; and what in it is incoherent (eight types, after Chang et al. 2023). By people at the desk, a model, or both about the same claims.
 *
 *   nodes by chance, of every height -> claims of each -> verdicts with places; errors by sentence -> judgments beside the tree, figures
 *
 * A model whose reply has not the shape says nothing, and the report counts it; a quote of its that does not stand in the text is no place.
 */
import { z } from "zod";
import {
  CLAIMS_A_TASK,
  claimLines,
  claimsOf,
  treeClaims,
  treeCoherence,
  treeVerdicts,
} from "@tiller/crowd";
import { type Answered, type Flow, workflow } from "@tiller/flow";
import { TillerError, type TreeClaim } from "@tiller/schema";
import {
  CheckedNode,
  chooseChecked,
  claimPerSentence,
  errorsBySentence,
  fromDesk,
  judgment,
  modelCoherence,
  modelSplits,
  modelVerdicts,
  type NewJudgment,
  sentencesIn,
  treeScore,
  writeJudgments,
} from "@tiller/trees";

const How = {
  by: z.enum(["people", "model", "both"]).default("people"),
  model: z.string().min(1).optional().describe("who judges, where a model does"),
  people: z.int().min(1).default(1).describe("who judge each summary"),
  split: z
    .enum(["sentences", "people", "model"])
    .default("sentences")
    .describe("who divides a summary into claims; sentences: each is one"),
  what: z
    .array(z.enum(["claims", "coherence"]))
    .min(1)
    .default(["claims", "coherence"]),
};
const Input = z.strictObject({
  tree: z.string(),
  ...How,
  nodes: z.int().min(1).default(30).describe("in all, at most, of every height as many as can be"),
  heights: z.array(z.int().min(0)).default([]).describe("of these alone; none: of all"),
});

export const checkBook = workflow(
  "check-book@1",
  Input,
  async (flow, { tree, nodes, heights, ...how }) => {
    if (how.model === undefined && (how.by !== "people" || how.split === "model"))
      throw new TillerError(
        "no_model",
        `by is ${how.by} and split is ${how.split}, and no model is named. Give model, or by: people and split: sentences.`,
      );
    const chosen = await flow.step("choose", ({ store: { db } }) =>
      chooseChecked(db, tree, { most: nodes, heights, seed: flow.seed }),
    );
    const said = await flow.map("check", chosen, (node) =>
      flow.child(checkNode, { tree, node, ...how }),
    );
    const sum = (of: "unread" | "lost" | "judgments") => said.reduce((n, s) => n + s[of], 0);
    const score = await flow.step("score", ({ store: { db } }) => treeScore(db, tree));
    return {
      nodes: chosen.length,
      judgments: sum("judgments"),
      unread: sum("unread"), // replies of the model that had not the shape
      lost: sum("lost"), // its quotes that stand nowhere in the text
      score,
    };
  },
  {
    title: "Check a book's summaries",
    about:
      "What summaries of a tree claim, with verdicts and the words that show them, and what in them cannot be followed. The figures are of what was judged, by height.",
    labelling: true,
    asks: (c) => {
      const each = c.by === "model" ? 0 : c.nodes * c.people;
      const claims = c.what.includes("claims");
      return {
        "tree-claims": claims && c.split === "people" ? c.nodes : 0,
        "tree-verdicts": claims ? each : 0,
        "tree-coherence": c.what.includes("coherence") ? each : 0,
      };
    },
  },
);

type Said = Omit<NewJudgment, "asked">;
interface Check {
  readonly said: Said[];
  unread: number;
  lost: number;
}
const Node = z.strictObject({ tree: z.string(), node: CheckedNode, ...How });

/** One node. */
export const checkNode = workflow(
  "check-node@1",
  Node,
  async (flow, c) => {
    const done: Check = { said: [], unread: 0, lost: 0 };
    if (c.what.includes("claims")) await checkClaims(flow, c, done);
    if (c.what.includes("coherence")) await checkCoherence(flow, c, done);
    await flow.step("keep", ({ key, store }) =>
      writeJudgments(
        store.db,
        c.tree,
        done.said.map((j, i) => ({ asked: `${key} ${i}`, ...j })),
      ),
    );
    return { judgments: done.said.length, unread: done.unread, lost: done.lost };
  },
  { labelling: true },
);

/** What a model said, as what people say is kept. */
const ofModel = (value: object, model: string) => ({
  value,
  by: model,
  person: null,
  answer: null,
});
type From = Pick<Answered<object>, "value" | "by" | "person" | "answer">;

async function checkClaims(flow: Flow, c: z.infer<typeof Node>, done: Check): Promise<void> {
  const { node, model } = c;
  const keep = (from: From) => void done.said.push(judgment("claims", node, [node.summary], from));
  const claims = await split(flow, c);
  if (claims === null) {
    done.unread++;
    return;
  }
  if (c.by !== "people") {
    const found = await modelVerdicts(flow, model!, node, claims);
    if (found) {
      done.lost += found.lost;
      keep(ofModel(found.said, model!));
    } else done.unread++;
  }
  if (c.by === "model") return;
  const { where, text, summary } = node;
  for (let at = 0; at < claims.length; at += CLAIMS_A_TASK) {
    const some = claims.slice(at, at + CLAIMS_A_TASK);
    const { answers } = await flow.ask(
      treeVerdicts,
      { where, text, summary, claims: some.map((x) => x.claim) },
      { people: c.people, name: `verdicts from ${at + 1}` },
    );
    for (const a of answers) keep({ ...a, value: fromDesk(text, some, a.value) });
  }
}

async function split(flow: Flow, c: z.infer<typeof Node>): Promise<TreeClaim[] | null> {
  const { where, text, summary } = c.node;
  const simple = claimPerSentence(summary);
  if (c.split === "sentences") return simple;
  if (c.split === "model") return modelSplits(flow, c.model!, c.node);
  const sentences = sentencesIn(summary);
  const proposal = claimLines(simple);
  const { value } = await flow.ask(treeClaims, { where, text, sentences, proposal });
  const read = claimsOf(value.claims, sentences.length);
  return "claims" in read ? read.claims : null; // the task's check has refused such lines
}

async function checkCoherence(flow: Flow, c: z.infer<typeof Node>, done: Check): Promise<void> {
  const { node, model } = c;
  const keep = (from: From) =>
    void done.said.push(judgment("coherence", node, [node.summary], from));
  if (c.by !== "people") {
    const found = await modelCoherence(flow, model!, node);
    if (found) keep(ofModel(found, model!));
    else done.unread++;
  }
  if (c.by === "model") return;
  const { where, earlier, summary } = node;
  const { answers } = await flow.ask(
    treeCoherence,
    { where, earlier, summary },
    { people: c.people },
  );
  for (const a of answers) keep({ ...a, value: errorsBySentence(summary, a.value.marks ?? []) });
}

/** Figures of what was said of a tree: claims and coherence by height, by people and by models, and whether these agree. */
import { coherence, faithfulness, type Figure, sentencesOf } from "@tiller/book";
import { agreementBetween } from "@tiller/crowd/agreement.ts";
import {
  ClaimsSaid,
  CoherenceSaid,
  type JudgedClaim,
  type TreeJudgment,
  type TreeScore,
  type TreeShare,
  type TreeVerdicts,
} from "@tiller/schema";
import type { Db } from "@tiller/store";
import { judgmentsOf } from "./judgments.ts";
import { readStanding } from "./rows.ts";

const said = (x: number) => (Number.isFinite(x) ? x : null);
const share = ({ mean, low, high, n, books: nodes }: Figure): TreeShare => ({
  mean: said(mean),
  low: said(low),
  high: said(high),
  n,
  nodes,
});
const shares = <K extends string>(all: Readonly<Record<K, Figure>>) =>
  Object.fromEntries(Object.entries<Figure>(all).map(([k, f]) => [k, share(f)])) as Record<
    K,
    TreeShare
  >;
const heightOf = (node: string) => Number(node.split(".")[0]);
const byOf = (j: TreeJudgment) => (j.author.kind === "person" ? "people" : "models");

/** Groups that figures are of: whose, and of one height or all. */
const groupsOf = (j: TreeJudgment) =>
  [null, heightOf(j.node)].map((height) => JSON.stringify({ by: byOf(j), height }));
const groupNamed = (name: string) =>
  JSON.parse(name) as { by: "people" | "models"; height: number | null };
const inOrder = <T extends { by: string; height: number | null }>(all: T[]): T[] =>
  all.toSorted((a, b) => b.by.localeCompare(a.by) || (a.height ?? -1) - (b.height ?? -1));

interface SaidOfClaim {
  readonly j: TreeJudgment;
  readonly claim: JudgedClaim;
}
/** What was said of summaries that stand: the last word of each about a claim, or about a summary. */
function standingWords(judgments: readonly TreeJudgment[], standing: ReadonlyMap<string, string>) {
  const here = judgments.filter((j) => standing.get(j.node) === j.texts[0]);
  const claims = new Map<string, SaidOfClaim>();
  const read = new Map<string, { j: TreeJudgment; errors: CoherenceSaid }>();
  for (const j of here) {
    const who = JSON.stringify([j.node, j.author]);
    if (j.kind === "claims")
      for (const claim of ClaimsSaid.parse(j.value).claims)
        claims.set(JSON.stringify([who, claim.sentence, claim.claim]), { j, claim });
    else if (j.kind === "coherence") read.set(who, { j, errors: CoherenceSaid.parse(j.value) });
  }
  return { here, claims: [...claims.values()], read: [...read.values()] };
}

/** `standing`: the summary of each node as it is now; judgments of others are counted and left out. */
export function scoreOf(
  judgments: readonly TreeJudgment[],
  standing: ReadonlyMap<string, string>,
): TreeScore {
  const { here, claims, read } = standingWords(judgments, standing);
  // nodes are drawn for the intervals, as books are elsewhere
  const claimRows = claims.flatMap(({ j, claim: { claim, verdict, spans } }) =>
    groupsOf(j).map((system) => ({ book: j.node, system, claim, verdict, spans })),
  );
  const sentenceRows = read.flatMap(({ j, errors }) =>
    groupsOf(j).flatMap((system) =>
      errors.sentences.map((e, sentence) => ({ book: j.node, system, sentence, errors: e })),
    ),
  );
  return {
    claims: inOrder(
      faithfulness(claimRows).map((f) => ({
        ...groupNamed(f.system),
        so: share(f.so),
        verdicts: shares(f.verdicts),
        shown: share(f.shown),
      })),
    ),
    coherence: inOrder(
      coherence(sentenceRows).map((c) => ({
        ...groupNamed(c.system),
        free: share(c.free),
        errors: shares(c.errors),
      })),
    ),
    agreement: agreed(claims),
    judged: new Set(here.map((j) => j.node)).size,
    older: judgments.length - here.length,
  };
}

function agreed(all: readonly SaidOfClaim[]): TreeScore["agreement"] {
  const labels = all.map(({ j, claim }) => ({
    task: JSON.stringify([j.node, claim.sentence, claim.claim]),
    worker: `${byOf(j)} ${j.author.name}`,
    label: claim.verdict,
  }));
  const is = (by: string) => (worker: string) => worker.startsWith(`${by} `);
  const sides = Map.groupBy(labels, (l) => l.task);
  const both = [...sides.values()].filter((s) =>
    ["people", "models"].every((by) => s.some((l) => is(by)(l.worker))),
  );
  if (both.length === 0) return null;
  const { raw, krippendorff: alpha } = agreementBetween(labels, is("people"), is("models"));
  return {
    claims: both.length,
    same: {
      mean: said(raw.at),
      low: said(raw.low),
      high: said(raw.high),
      n: raw.n,
      nodes: new Set(both.map((s) => (JSON.parse(s[0]!.task) as [string])[0])).size,
    },
    alpha: said(alpha.at),
    alphaLow: said(alpha.low),
    alphaHigh: said(alpha.high),
  };
}

const worst = ["no", "partly", "cannot say", "yes"] as const;
/** By node, the worst that anybody said of a claim of each sentence; null: nobody judged one. */
export function verdictsOf(
  judgments: readonly TreeJudgment[],
  standing: ReadonlyMap<string, string>,
): TreeVerdicts {
  const found = new Map<string, TreeVerdicts[string]>();
  for (const { j, claim } of standingWords(judgments, standing).claims) {
    const said = found.get(j.node) ?? sentencesOf(j.texts[0]!).map(() => null);
    found.set(j.node, said);
    const before = said[claim.sentence];
    if (before === undefined) continue; // of no sentence that stands
    said[claim.sentence] = worst.find((v) => v === before || v === claim.verdict) ?? null;
  }
  return Object.fromEntries(found);
}

async function saidOf(db: Db, tree: string) {
  const { outputs } = await readStanding(db, tree);
  const standing = new Map([...outputs].map(([id, o]) => [id, o.entry.text.trim()]));
  return [await judgmentsOf(db, tree, { kinds: ["claims", "coherence"] }), standing] as const;
}
export const treeScore = async (db: Db, tree: string): Promise<TreeScore> =>
  scoreOf(...(await saidOf(db, tree)));
export const treeVerdicts = async (db: Db, tree: string): Promise<TreeVerdicts> =>
  verdictsOf(...(await saidOf(db, tree)));

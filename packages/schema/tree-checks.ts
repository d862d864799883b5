/** Whether summaries of a tree are so: claims with verdicts, errors of coherence, and the figures of both. */
import { z } from "zod";

export const claimVerdicts = ["yes", "partly", "no", "cannot say"] as const;
export const ClaimVerdict = z.enum(claimVerdicts);
export type ClaimVerdict = z.infer<typeof ClaimVerdict>;

/** What each type is, as raters and models are told (after Chang et al. 2023). */
export const errorTypes = {
  omission: "somebody or something is spoken of that was never introduced",
  causal: "a reason or a consequence is missing, or does not follow",
  salience: "a detail that says nothing to the whole",
  duplicated: "said before",
  discontinuity: "a jump in time or place without a word",
  language: "grammar or wording in the way, or what it means cannot be told",
  inconsistency: "it says otherwise elsewhere in the summary",
  entity: "it cannot be told who or what is meant",
} as const;
export const ErrorType = z.enum(
  Object.keys(errorTypes) as [keyof typeof errorTypes, ...(keyof typeof errorTypes)[]],
);
export type ErrorType = z.infer<typeof ErrorType>;

/** A claim of a summary's sentence; sentences are counted from 0. */
export const TreeClaim = z.strictObject({ sentence: z.int().min(0), claim: z.string().min(1) });
export type TreeClaim = z.infer<typeof TreeClaim>;
/** Words of what a node was made from: where they stood, and what they were, which is true of any version. */
export const Quoted = z.strictObject({
  from: z.int().min(0),
  to: z.int().min(1),
  quote: z.string().min(1),
});
export const JudgedClaim = z.strictObject({
  ...TreeClaim.shape,
  verdict: ClaimVerdict,
  spans: z.array(Quoted).describe("of the node's direct input"),
});
export type JudgedClaim = z.infer<typeof JudgedClaim>;
/** `value` of judgments of the kinds claims and coherence. */
export const ClaimsSaid = z.strictObject({ claims: z.array(JudgedClaim) });
export type ClaimsSaid = z.infer<typeof ClaimsSaid>;
export const CoherenceSaid = z.strictObject({
  sentences: z.array(z.array(ErrorType)).describe("errors of each sentence; none: an empty list"),
});

export type CoherenceSaid = z.infer<typeof CoherenceSaid>;

/** A share with its 95 % interval, nodes drawn with replacement: of fewer than two nodes there is none. */
export const TreeShare = z.strictObject({
  mean: z.number().nullable().describe("null: nothing to say"),
  low: z.number().nullable(),
  high: z.number().nullable(),
  n: z.int(),
  nodes: z.int(),
});
export type TreeShare = z.infer<typeof TreeShare>;
const of = {
  by: z.enum(["people", "models"]),
  height: z.int().nullable().describe("null: all that was judged"),
};
export const TreeScore = z.strictObject({
  claims: z.array(
    z.strictObject({
      ...of,
      so: TreeShare.describe("yes, of those that could be decided"),
      verdicts: z.record(ClaimVerdict, TreeShare),
      shown: TreeShare.describe("with a place, of yes and partly"),
    }),
  ),
  coherence: z.array(
    z.strictObject({
      ...of,
      free: TreeShare.describe("sentences without an error"),
      errors: z.record(ErrorType, TreeShare),
    }),
  ),
  agreement: z
    .strictObject({
      claims: z.int().describe("judged by people and by models"),
      same: TreeShare.describe("pairs of verdicts that are the same"),
      alpha: z.number().nullable().describe("Krippendorff's; null: it is undefined"),
      alphaLow: z.number().nullable(),
      alphaHigh: z.number().nullable(),
    })
    .nullable(),
  judged: z.int().describe("nodes"),
  older: z.int().describe("judgments of summaries that no longer stand: not counted"),
});
export type TreeScore = z.infer<typeof TreeScore>;

export const TreeVerdicts = z
  .record(z.string(), z.array(ClaimVerdict.nullable()))
  .describe("by node, the worst verdict on each sentence of its summary; null: none");
export type TreeVerdicts = z.infer<typeof TreeVerdicts>;

export const CheckTree = z.strictObject({
  by: z.enum(["people", "model", "both"]).default("people"),
  nodes: z.int().min(1).max(1000).default(30).describe("at most"),
});

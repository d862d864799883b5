/**
 * Review of disagreements: people vote on claims; where they split, the same people read each other's reasons and may
 * revise; what is still split, or not discussed in time, goes to a researcher.
 *
 *   claims -> votes -> (split) discussion between those who voted -> (still split) a researcher's ruling -> saved
 *
 * Rulings go to people with the qualification "researcher"; grant it in the control room.
 */
import { z } from "zod";
import { claimVote, discussion, ruling } from "@tiller/crowd";
import { type Answered, workflow } from "@tiller/flow";
import { PersonId, TillerError } from "@tiller/schema";

const Vote = claimVote.output;
type Vote = z.infer<typeof Vote>;
const Claim = z.strictObject({ passage: z.string().min(1), claim: z.string().min(1) });
const Said = z.strictObject({ role: z.string(), text: z.string() });

export const reviewDisagreements = workflow(
  "review-disagreements@1",
  z.strictObject({
    claims: z.array(Claim).min(1),
    people: z.int().min(2).default(3).describe("votes on each claim"),
    agree: z.number().min(0.5).max(1).default(1).describe("fraction of votes that settles a claim"),
    rounds: z.int().min(0).default(1).describe("of discussion"),
    hours: z.number().positive().default(48).describe("for a round; then a researcher rules"),
  }),
  async (flow, { claims, ...o }) => {
    const items = claims.map((input, i) => ({ id: `claim-${i}`, input }));
    const voted = await flow.askAll("votes", claimVote, items, { people: o.people });
    const verdicts = await flow.map(
      "review",
      voted,
      async ({ input: { passage, claim }, answers }) => {
        const verdict = settled(answers, o.agree);
        if (verdict) return { passage, claim, verdict, by: "vote" };
        const raters = answers.flatMap((a) => a.person ?? []);
        return flow.child(reviewSplit, { passage, claim, said: turns(answers), raters, ...o });
      },
    );
    const count = (by: string) => verdicts.filter((v) => v.by === by).length;
    return {
      verdicts: await flow.save("verdicts", verdicts),
      settledBy: {
        vote: count("vote"),
        discussion: count("discussion"),
        researcher: count("researcher"),
      },
      right: verdicts.filter((v) => v.verdict === "right").length,
    };
  },
  { labelling: true },
);

/** One claim that people split on. */
export const reviewSplit = workflow(
  "review-split@1",
  z.strictObject({
    ...Claim.shape,
    said: z.array(Said),
    raters: z.array(PersonId),
    people: z.int(),
    agree: z.number(),
    rounds: z.int(),
    hours: z.number().default(48),
  }),
  async (flow, { passage, claim, raters, people, agree, rounds, hours, ...first }) => {
    let { said } = first;
    for (let round = 0; round < rounds; round++) {
      const limits = { people, only: raters, hours };
      const now = await flow.ask(discussion, { passage, claim, said }, limits).catch(tooLate);
      if (!now) break;
      said = [...said, ...turns(now.answers)];
      const verdict = settled(now.answers, agree);
      if (verdict) return { passage, claim, verdict, by: "discussion" };
    }
    const requires = [{ qualification: "researcher", level: 1 }];
    const last = await flow.ask(ruling, { passage, claim, said }, { not: raters, requires });
    return { passage, claim, verdict: last.value.verdict, by: "researcher" };
  },
  { labelling: true },
);

/** The verdict that enough people share; undefined: they are split. */
function settled(answers: readonly Answered<Vote>[], agree: number): Vote["verdict"] | undefined {
  const sides = [...Map.groupBy(answers, (a) => a.value.verdict)];
  const [verdict, most] = sides.reduce((a, b) => (b[1].length > a[1].length ? b : a));
  const tied = sides.some(([v, votes]) => v !== verdict && votes.length === most.length);
  return !tied && most.length >= agree * answers.length ? verdict : undefined;
}

const tooLate = (e: unknown) => {
  if (!(e instanceof TillerError) || e.code !== "unanswered") throw e;
};
const turns = (answers: readonly Answered<Vote>[]) =>
  answers.map(({ value }, i) => ({
    role: `Person ${i + 1}: ${value.verdict}`,
    text: value.reason,
  }));

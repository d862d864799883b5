/** A story's tree by `book run`'s plan, each node the sentences of what it reads that fit its cap, and which answers stand at each depth. */
import { type Ask, type CountTokens, grow, Log, planOf, sentencesOf } from "@tiller/book";
import { depthsOf } from "@tiller/book/depths.ts";
import { rng } from "@tiller/schema";
import { countWords, standingIn, type Story } from "./stories.ts";

const count: CountTokens = (text) => Math.ceil(Buffer.byteLength(text) / 4); // as for endpoints
export const policies = ["lead", "random"] as const;
type Policy = (typeof policies)[number];

/** Sentences by the order of a policy, in the text's order, as many as fit; one that does not is passed over. */
function extract(text: string, cap: number, policy: Policy, seed: number): string {
  const all = sentencesOf(text).map((s) => text.slice(s.from, s.to));
  const order = all.map((_, i) => i);
  const wanted = policy === "lead" ? order : rng(seed, "random").shuffle(order);
  const said = (kept: readonly number[]) =>
    kept
      .toSorted((a, b) => a - b)
      .map((i) => all[i]!)
      .join(" ");
  let kept: number[] = [];
  for (const i of wanted) if (count(said([...kept, i])) <= cap) kept = [...kept, i];
  return said(kept);
}

export async function storyDepths(
  story: Story,
  { window, policy }: { readonly window: number; readonly policy: Policy },
) {
  const plan = planOf(story.text, { window, seed: 1, count, order: "none" });
  const author = { kind: "policy", name: policy } as const;
  const respond = async ({ text, node, seed }: Ask) => ({
    text: extract(text, node.cap, policy, seed),
    author,
    promptTokens: 0,
    tokens: 0,
    seconds: 0,
    cost: 0,
  });
  const { outputs } = await grow(plan, { log: new Log(), count, policy, respond });
  const nodes = plan.levels.flat();
  const of = countWords(story.text);
  return depthsOf(nodes, (id) => outputs.get(id)?.entry.text).map(({ depth, text }) => {
    const once = extract(story.text, count(text), policy, 1);
    return {
      story: story.name,
      depth,
      words: countWords(text),
      of,
      tree: standingIn(story, text, "words"),
      atOnce: standingIn(story, once, "words"),
    };
  });
}

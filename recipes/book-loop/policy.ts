/** What a checkpoint writes of a tree's nodes: from their input, or from what several people wrote of it. */
import { joined, promptOf } from "@tiller/book/prompt.ts";
import type { Flow } from "@tiller/flow";
import { type ChosenNode, drawn } from "@tiller/trees";
import type { Written } from "./asked.ts";

/** A summary of each node from what it is made from, cut to its cap. */
export const written = (
  flow: Flow,
  name: string,
  model: string,
  nodes: readonly ChosenNode[],
  o: { readonly temperature: number },
): Promise<string[]> =>
  flow.map(name, nodes, ({ tree, node: { id, prompt, seed, cap } }) =>
    drawn(flow, model, prompt, { name: `${name} ${tree} ${id}`, ...o, seed, cap }),
  );

/** One summary from several people's: they are read as summaries of parts are, each once, empty ones left out. */
export const overThem = (
  flow: Flow,
  model: string,
  nodes: readonly Written[],
  { settings: { instructions } }: { readonly settings: { readonly instructions: string } },
): Promise<string[]> =>
  flow.map("over", nodes, ({ tree, node: { id, seed, cap, earlier }, texts }) => {
    const prompt = promptOf({ instructions, earlier, text: joined([...new Set(texts)]) });
    return drawn(flow, model, prompt, { name: `over ${tree} ${id}`, temperature: 0, seed, cap });
  });

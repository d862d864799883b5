/** tiller book ask TREE "question": what it would take, then a tree that answers it, and the answer with the words behind each sentence. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { sentencesOf, WayDown } from "@tiller/book";
import { told } from "./book-live.ts";
import { progressBar } from "./file-job.ts";
import { flag } from "./flags.ts";
import { remote, remoteFlags } from "./remote.ts";

const EVERY_MS = 1000;

export const askFlags = {
  model: flag(z.string().min(1).optional(), "NAME", "who answers (else who writes the tree)"),
  plan: z.boolean().default(false).describe("say what it would take, and ask nothing"),
  ...remoteFlags,
};

export async function askBook(
  o: z.infer<z.ZodObject<typeof askFlags>>,
  id: string,
  question = "",
): Promise<number> {
  const tiller = remote(o);
  const body = { question, ...(o.model !== undefined && { model: o.model }) };
  const forecast = await tiller.forecastTreeQuestion({ id, body });
  if (o.plan) {
    console.log(o.json ? JSON.stringify(forecast) : told(forecast));
    return 0;
  }
  if (!o.json) console.log(`${told(forecast)}.`);
  const { tree } = await tiller.askTree({ id, body });
  const progress = progressBar();
  let now = await tiller.getTree({ id: tree });
  for (; now.state === "growing"; now = await tiller.getTree({ id: tree })) {
    progress(now.written, now.nodes, "nodes");
    await sleep(EVERY_MS);
  }
  progress(now.written, now.nodes, "nodes");
  const { nodes } = await tiller.treeNodes({ id: tree });
  const { text } = await tiller.treeText({ id: tree });
  const way = new WayDown(nodes, text);
  const answer = nodes.find((n) => n.node === way.root && n.standing !== "invalid")?.text;
  if (answer == null) {
    console.log(
      o.json
        ? JSON.stringify({ tree, state: now.state, why: now.why, answer: null })
        : `No answer: ${now.why}. The best so far: tiller book status ${tree}`,
    );
    return 3;
  }
  const sentences = sentencesOf(answer).map((s) => {
    const said = answer.slice(s.from, s.to);
    return { said, down: way.from(way.root!, said) };
  });
  if (o.json) console.log(JSON.stringify({ tree, state: now.state, answer, sentences }));
  else if (answer === "") console.log("Nothing in the book bears on it.");
  else
    for (const { said, down } of sentences) {
      console.log(`\n${said}`);
      for (const s of down)
        console.log(`  ${s.node ?? `book, ${s.from}`}: ${s.text.replaceAll(/\s+/g, " ")}`);
      if (down.length === 0) console.log("  (no words of the book behind it were found)");
    }
  return 0;
}

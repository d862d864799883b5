/** Trees of summaries on the running server: begin one with people and a policy, see how far it is, stop it, edit it. */
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { z } from "zod";
import { readText } from "@tiller/data";
import { Agents, NewTree, TillerError, type TreeForecast, TreeRedo } from "@tiller/schema";
import { verb } from "./command.ts";
import { countFlag, flag, numberFlag } from "./flags.ts";
import { jsonFlag, remote, remoteFlags } from "./remote.ts";
import { table } from "./table.ts";

type Flags<S extends z.ZodRawShape> = z.infer<z.ZodObject<S>>;
const given = z.string().min(1).optional();

const startFlags = {
  model: flag(given, "NAME", "the policy, a model of models.json (without one people write all)"),
  people: numberFlag(z.number().min(0).max(1))
    .default(0)
    .describe("share of the nodes that people write"),
  heights: flag(given, "0,1", "people write at these heights alone"),
  nodes: flag(given, "0.3,2.0", "people write these as well"),
  window: countFlag(z.int()).default(2048).describe("tokens of prompt and output"),
  seed: countFlag(z.int()).default(1).describe("of where the parts end, the draws, who writes"),
  context: flag(
    z.string().default("strict"),
    "strict|lag:K|none",
    "which earlier summaries are read",
  ),
  instructions: flag(given, "FILE", "words before every prompt"),
  temperature: numberFlag(z.number().min(0).max(2)).default(0).describe("0: the likeliest token"),
  parallel: countFlag(z.int()).default(16).describe("of the policy's nodes at once, at most"),
  price: flag(given, "IN,OUT", "of the model, US dollars a million tokens"),
  budgets: flag(given, "JSON|@FILE", '[{"node": "2.0", "tokens": N, "money": N, "answers": N}]'),
  agents: flag(given, "JSON|@FILE", "who answers in place of people"),
  encoding: flag(given, "NAME", "of the book (UTF-8), windows-1252 for instance"),
  plan: z.boolean().default(false).describe("say what it would take, and ask nothing"),
  ...remoteFlags,
};
const list = (text: string | undefined) => text?.split(",").map((x) => x.trim()) ?? [];

async function newTree(o: Flags<typeof startFlags>, file: string): Promise<NewTree> {
  const [prompt = 0, completion = 0] = list(o.price).map(Number);
  return NewTree.parse({
    name: path.basename(file),
    text: await readText(file, { name: file, encoding: o.encoding }),
    ...(o.model === undefined ? {} : { model: o.model }),
    people: { share: o.people, heights: list(o.heights).map(Number), nodes: list(o.nodes) },
    window: o.window,
    seed: o.seed,
    context: o.context,
    ...(o.instructions === undefined
      ? {}
      : { instructions: await readText(o.instructions, { name: o.instructions }) }),
    temperature: o.temperature,
    parallel: o.parallel,
    price: { prompt, completion },
    budgets: o.budgets === undefined ? [] : jsonFlag("budgets", o.budgets),
    agents: Agents.parse(o.agents === undefined ? {} : jsonFlag("agents", o.agents)),
  });
}

/** Without what a terminal would obey. */
const shownText = (text: string) => stripVTControlCharacters(text).replace(/[^\P{Cc}\n\t]/gu, "");
export const told = (f: TreeForecast): string =>
  [
    `${f.nodes} nodes at most`,
    f.people.nodes > 0 && `${f.people.nodes} by people, ${hours(f.people.minutes)}`,
    f.policy.nodes > 0 &&
      `${f.policy.nodes} by the policy, ${Math.round(f.policy.tokens).toLocaleString("en-GB")} tokens${f.policy.money > 0 ? `, $${f.policy.money.toFixed(2)}` : ""}`,
  ]
    .filter(Boolean)
    .join("; ");
const hours = (minutes: number) =>
  minutes < 90 ? `${Math.round(minutes)} minutes` : `${(minutes / 60).toFixed(1)} hours`;

async function start(o: Flags<typeof startFlags>, file: string): Promise<number> {
  const tiller = remote(o);
  const body = await newTree(o, file);
  if (o.plan) {
    const f = await tiller.forecastTree({ body });
    console.log(o.json ? JSON.stringify(f) : told(f));
    return 0;
  }
  const started = await tiller.startTree({ body });
  const { left } = await tiller.getTree({ id: started.tree });
  console.log(
    o.json
      ? JSON.stringify(started)
      : `${started.tree} grows: ${told(left)}.\nHow far it is: tiller book status ${started.tree}`,
  );
  return 0;
}

async function listed(o: Flags<typeof remoteFlags>): Promise<number> {
  const trees = await remote(o).listTrees();
  if (o.json) console.log(JSON.stringify(trees));
  else if (trees.length === 0) console.log("There is no tree. Begin one: tiller book start FILE");
  else
    console.log(
      table(
        ["tree", "name", "state", "written"],
        trees.map((t) => [t.tree, t.name.slice(0, 40), t.state, `${t.written} of ${t.nodes}`]),
      ),
    );
  return 0;
}

async function status(o: Flags<typeof remoteFlags>, id: string): Promise<number> {
  const tiller = remote(o);
  const tree = await tiller.getTree({ id });
  if (o.json) {
    console.log(JSON.stringify(tree));
    return 0;
  }
  const { tokens, money, answers } = tree.used;
  console.log(
    `${tree.name}: ${tree.state}${tree.why ? `, ${tree.why}` : ""}; ${tree.written} of ${tree.nodes} nodes; used ${tokens.toLocaleString("en-GB")} tokens, $${money.toFixed(2)}, ${answers} answers`,
  );
  if (tree.left.nodes > 0) console.log(`left: ${told(tree.left)}`);
  const { nodes } = await tiller.treeNodes({ id });
  const marked = nodes.filter((n) => n.standing === "drifted" || n.standing === "aged").length;
  if (marked > 0)
    console.log(`${marked} are kept that were made beside other summaries, or by another policy`);
  for (const n of nodes.filter((x) => x.trouble).slice(0, 5))
    console.log(`${n.node} was not written: ${n.trouble}`);
  const best = nodes.filter((n) => tree.best.includes(n.node)).toReversed();
  for (const n of best.slice(0, 5)) console.log(`\n[${n.node}] ${shownText(n.text ?? "")}`);
  return 0;
}

const growFlags = {
  redo: flag(TreeRedo.default("path"), "path|drifted|all", "what is written anew"),
  ...remoteFlags,
};
const editFlags = {
  leaf: flag(given, "FILE|-", "other words of the book for this passage"),
  summary: flag(z.string().optional(), "TEXT|@FILE", 'another summary; "": nothing to tell'),
  redo: flag(
    TreeRedo.optional(),
    "path|drifted|all",
    "do it; without it, only say what it would do",
  ),
  ...remoteFlags,
};
async function edit(o: Flags<typeof editFlags>, id: string, node = ""): Promise<number> {
  if ((o.leaf === undefined) === (o.summary === undefined))
    throw new TillerError(
      "bad_flag",
      "an edit is of the book's words or of a summary. Give --leaf FILE or --summary TEXT.",
    );
  const what = o.leaf === undefined ? ("output" as const) : ("leaf" as const);
  const from = o.leaf ?? (o.summary?.startsWith("@") ? o.summary.slice(1) : undefined);
  const body = {
    node,
    what,
    text: from === undefined ? o.summary! : await readText(from, { name: from }),
  };
  const tiller = remote(o);
  if (o.redo !== undefined) {
    const started = await tiller.editTree({ id, body: { ...body, redo: o.redo } });
    console.log(o.json ? JSON.stringify(started) : `${id} is edited, and grows.`);
    return 0;
  }
  const effect = await tiller.previewTreeEdit({ id, body });
  if (o.json) console.log(JSON.stringify(effect));
  else
    console.log(
      [
        ...TreeRedo.options.map(
          (redo) =>
            `--redo ${redo}: ${told(effect[redo])}; ${effect[redo].drifts.length} kept that drift; ${effect[redo].asked.length} that people wrote are shown to people with what changed`,
        ),
        "Nothing is done yet: repeat it with one of these.",
      ].join("\n"),
    );
  return 0;
}

const takes = ["TREE"];
export const liveVerbs = {
  start: verb({
    what: "on the server: a tree that people and a policy write together",
    takes: ["FILE"],
    flags: startFlags,
    run: start,
  }),
  list: verb({ what: "trees on the server", flags: remoteFlags, run: listed }),
  status: verb({
    what: "how far a tree on the server is, and the best so far",
    takes,
    flags: remoteFlags,
    run: status,
  }),
  stop: verb({
    what: "stops a tree at the best so far; takes back what is queued",
    takes,
    flags: remoteFlags,
    run: async (o: Flags<typeof remoteFlags>, id: string) => {
      await remote(o).stopTree({ id });
      console.log(`${id} stops. The best so far: tiller book status ${id}`);
      return 0;
    },
  }),
  grow: verb({
    what: "goes on with a tree on the server",
    takes,
    flags: growFlags,
    run: async (o: Flags<typeof growFlags>, id: string) => {
      const started = await remote(o).growTree({ id, body: { redo: o.redo } });
      console.log(o.json ? JSON.stringify(started) : `${id} grows.`);
      return 0;
    },
  }),
  edit: verb({
    what: "what an edit of a node would do; with --redo, does it",
    takes: ["TREE", "NODE"],
    flags: editFlags,
    run: edit,
  }),
};

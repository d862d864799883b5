/** What a person or a policy is asked for a node, and what is kept of the answer. */
import { z } from "zod";
import { type Answer, type Ask, hashOf, type Plan } from "@tiller/book";
import { capped } from "@tiller/book/prompt.ts";
import { entryOf } from "@tiller/book/tree.ts";
import { treeAgain, treeSummary } from "@tiller/crowd";
import type { Asked, Flow, StepContext } from "@tiller/flow";
import { isSimulatedName, PersonId, prompt, storableText } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { count } from "./plan.ts";
import { noteAsked } from "./late.ts";
import type { Round, Written } from "./round.ts";
import { writeEntry, writeMarks } from "./rows.ts";

const STOPS = ["\n----", "\n====", "TL;DR:"]; // what a model that goes on writing the prompt's form would begin with

/** In words, for whoever reads it. */
export function whereOf(plan: Plan, { node }: Pick<Ask, "node">): string {
  if (node === plan.root && node.height > 0)
    return "The whole book, from the summaries of its parts";
  const of = plan.levels[node.height]!.length;
  return node.height === 0
    ? `Passage ${node.index + 1} of ${of}`
    : `Part ${node.index + 1} of ${of}, from the summaries of ${node.children.length} pieces`;
}

/** Before it is written down: what it took stands in the trace. */
type Given = Pick<Answer, "text" | "author"> & {
  readonly seconds?: number;
  readonly answer?: string | null;
  readonly read?: { readonly earlier: readonly string[]; readonly text: string };
};

export async function askPolicy(
  flow: Flow,
  ask: Ask,
  { settings: s, policy }: Round,
  name: string,
): Promise<Given> {
  const { temperature } = s;
  const { seed, node } = ask;
  const text = await drawn(flow, s.model!, ask.prompt, { name, temperature, seed, cap: node.cap });
  return { text, author: { kind: "policy", name: policy } };
}
/** What a model says of a prompt, cut to its cap. */
export async function drawn(
  flow: Flow,
  model: string,
  words: string,
  o: { name: string; temperature: number; seed: number; cap: number },
): Promise<string> {
  const { cap, ...how } = o;
  try {
    const text = await flow.model(model, prompt`${words}`, { ...how, maxTokens: cap, stop: STOPS });
    return capped(storableText(text), cap, count);
  } catch (e) {
    const { code, message } = e as { code?: unknown; message: string };
    // nothing to say: front matter
    if (code === "model_empty" && message.includes("finish_reason stop")) return "";
    throw e;
  }
}

const Read = z.object({ text: z.string() });
/** A person's older answer for this node, with what it was made from; `person`: who wrote it, and may be asked again. */
const Older = z.object({ old: z.string(), read: Read, person: PersonId.nullable() });
/** The person `a` of an answer, if the desk may still ask her (worker `w`). */
export const mayAnswer = sql`case when w.paused_at is null and coalesce(w.stage, '') <> 'left' then a.person end`;
const before = (db: Db, tree: string, node: string) =>
  db.maybe(
    sql`select e.text as old, e.read, ${mayAnswer} as person
        from tree_entry e left join answer a on a.id = e.answer left join worker w on w.person = a.person
        where e.tree = ${tree} and e.node = ${node} and e.author_kind = 'person' and e.read is not null order by e.n desc limit 1`,
    Older,
  );

/** A person's answer; what she wrote before is brought to her first, and to anybody after `authorHours`, or at once if she has left. */
export async function askPeople(
  flow: Flow,
  ask: Ask,
  o: { plan: Plan; tree: string; name: string; authorHours: number },
): Promise<Given> {
  const { name } = o;
  const { earlier, text, node } = ask;
  const input = { where: whereOf(o.plan, ask), earlier: [...earlier], text, cap: node.cap };
  const first = `${name} by its author`;
  const again = ask.before?.author.kind === "person";
  const older = await flow.step(`asks ${name}`, async ({ store: { db } }) => {
    const found = again ? ((await before(db, o.tree, node.id)) ?? null) : null;
    const batches = [name, first].map((n) => `${flow.id}/${n}`);
    await noteAsked(db, { tree: o.tree, ask, batches, old: found?.old });
    return found;
  });
  const read = { earlier, text };
  if (!older) {
    const asked = await flow.ask(treeSummary, input, { name });
    return given(asked, asked.value.summary, read);
  }
  const changed = { ...input, old: older.old, was: older.read.text };
  const anyone = () => flow.ask(treeAgain, changed, { name });
  const { person } = older;
  const asked =
    person === null || o.authorHours === 0
      ? await anyone()
      : await flow
          .ask(treeAgain, changed, { name: first, only: [person], hours: o.authorHours })
          .catch((e: unknown) => {
            if ((e as { code?: unknown }).code !== "unanswered") throw e;
            return anyone();
          });
  const still = asked.value.still === "right";
  return given(asked, still ? older.old : asked.value.summary, read);
}
/** What code stands in for people says counts as theirs, a model's does not. */
export const isPerson = ({ by, person }: { by: string; person: string | null }): boolean =>
  person !== null || isSimulatedName(by);
function given(asked: Asked<unknown>, text: string | undefined, read: Given["read"]): Given {
  const { by, person, activeSeconds: seconds, answer } = asked.answers[0]!;
  const kind = isPerson({ by, person }) ? "person" : "policy";
  return { text: text ?? "", author: { kind, name: by }, seconds, answer, ...(read && { read }) };
}

const Took = z.object({ money: z.number(), tokens: z.number(), seconds: z.number() });
/** Keeps an answer, cut to its cap, with what it took, and where the node stands in the version that wants it. Twice is once. */
export async function write(
  { key, store }: StepContext,
  o: { tree: string; ask: Ask; answer: Given; from: string },
  wanted: Round | undefined,
): Promise<Written> {
  const { db } = store;
  const { tree, ask, answer: g } = o;
  const took = await db.one(
    sql`select coalesce(s.money, 0)::float8 as money, coalesce(s.tokens, 0)::int as tokens,
          coalesce(extract(epoch from now() - n.started_at), 0)::float8 as seconds
        from (select 1) one left join spend s on s.node = ${o.from} left join node n on n.id = ${o.from}`,
    Took,
  );
  const tokens = count(g.text);
  const answer: Answer = {
    text: g.text,
    author: g.author,
    tokens,
    promptTokens: took.tokens > tokens ? took.tokens - tokens : ask.tokens,
    seconds: g.seconds ?? took.seconds,
    cost: took.money,
  };
  const entry = entryOf(ask, answer, count);
  const n = await writeEntry(db, tree, key, entry, { answer: g.answer ?? null, read: g.read });
  const { key: address, used, node } = ask;
  const mark = { node: node.id, n, key: address, used, standing: "current" } as const;
  if (wanted)
    await writeMarks(db, tree, { version: wanted.version, marks: [...wanted.marks(), mark] });
  return { ...answer, n };
}

export const treeId = (key: string): string => `tree-${hashOf("tree", key).slice(0, 12)}`;

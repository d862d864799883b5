/**
 * Who answers. A person is a model with latency: the same typed question goes to people, to a model, to both, to the
 * record of an earlier experiment or to simulated raters, and the workflow cannot tell. One entry of `agents` a kind.
 */
import { Error as Dbos } from "@dbos-inc/dbos-sdk";
import {
  type AgentSpec,
  own,
  type Answer,
  type AnswerId,
  chat,
  PersonId,
  type Prompt,
  prompt,
  rng as seeded,
  simulatedName,
  system,
  TillerError,
} from "@tiller/schema";
import { answerSchema, type TaskDef } from "@tiller/task";
import {
  batchAnswers,
  cancelBatches,
  postBatch,
  setQualification,
  takeAnswers,
} from "@tiller/work";
import { z } from "zod";
import { approval } from "./approval.ts";
import { charged, checkBudgets } from "./budget.ts";
import type { Answered, AskOptions } from "./define.ts";
import { noModels } from "./failures.ts";
import { fault } from "./fault.ts";
import type { OpContext, Ops } from "./op.ts";

type Task = TaskDef<any, any>;
type Item = { readonly id: string; readonly input: unknown };
interface AnsweredItem {
  /** null: no people were asked */
  readonly batch: string | null;
  readonly answers: Answered<unknown>[];
}
/** One ask: which node, who answers, what is asked. */
export interface Asking {
  readonly ops: Ops;
  readonly node: OpContext;
  readonly spec: AgentSpec;
  readonly task: Task;
  readonly items: readonly Item[];
  readonly o: AskOptions;
}
const peopleOf = (a: Asking): number => a.o.people ?? 1;
type Spec<K extends AgentSpec["kind"]> = Extract<AgentSpec, { kind: K }>;

const agents: {
  [K in AgentSpec["kind"]]: (spec: Spec<K>, a: Asking) => Promise<AnsweredItem[]>;
} = {
  people: (_, a) => askPeople(a, a.task, a.items),
  simulated: ({ skill }, a) =>
    eachItem(a, (item, k) => ({
      value: answerSchema(a.task, item.input).parse(
        a.task.simulate(item.input, {
          rng: seeded(a.ops.args.seed, a.node.path, item.id, k),
          skill,
        }),
      ),
      by: simulatedName(k),
    })),
  model: async ({ model }, a) =>
    eachItem(a, async (item, k) => ({ value: await ask(a, model, item, k), by: model })),
  draft: async ({ model }, a) => {
    const drafts = await eachItem({ ...a, o: { ...a.o, people: 1 } }, async (item) => ({
      value: await ask(a, model, item, 0),
      by: model,
    }));
    const items = a.items.map((item, i) => ({ ...item, draft: drafts[i]!.answers[0]!.value }));
    return askPeople(a, a.task, items);
  },
  approval: async ({ model }, a) => {
    const proposed = await eachItem({ ...a, o: { ...a.o, people: 1 } }, async (item) => ({
      value: await ask(a, model, item, 0),
      by: model,
    }));
    const questions = a.items.map((item, i) => ({
      id: item.id,
      input: {
        title: a.task.title,
        instructions: a.task.instructions,
        question: pretty(item.input),
        proposed: pretty(proposed[i]!.answers[0]!.value),
        by: model,
      },
    }));
    const verdicts = await askPeople(
      { ...a, o: { ...a.o, people: 1 } },
      approval,
      questions,
      "approval",
    );
    const refused = a.items.flatMap((item, i) => {
      const verdict = approval.output.parse(verdicts[i]!.answers[0]!.value);
      return verdict.verdict === "approve"
        ? []
        : [{ ...item, index: i, draft: proposed[i]!.answers[0]!.value }];
    });
    // what a person refused, people answer themselves, with the refused answer as a draft
    const own = refused.length ? await askPeople(a, a.task, refused, "own") : [];
    return a.items.map((_, i) => {
      const at = refused.findIndex((r) => r.index === i);
      if (at >= 0) return own[at]!;
      const approver = verdicts[i]!.answers[0]!;
      const answer = {
        ...approver,
        value: proposed[i]!.answers[0]!.value,
        by: `${model}, approved by ${approver.by}`,
      };
      return {
        batch: verdicts[i]!.batch,
        answers: Array.from({ length: peopleOf(a) }, () => answer),
      };
    });
  },
  replay: async ({ experiment }, a) => {
    const recorded = own(await a.ops.config.replay(experiment), a.node.path);
    if (recorded === undefined)
      throw new TillerError(
        "not_recorded",
        `${experiment} has no answer at ${a.node.path}. Replay a finished experiment of the same workflow with the same input.`,
      );
    const kept = recorded as (Answered<unknown> | { answers: Answered<unknown>[] })[];
    a.node.note({ agent: "replay", cached: true });
    // an ask recorded its answers, an askAll its items with theirs
    return kept[0] && "answers" in kept[0]
      ? (kept as { answers: Answered<unknown>[] }[]).map((k) => ({
          batch: null,
          answers: k.answers,
        }))
      : [{ batch: null, answers: kept as Answered<unknown>[] }];
  },
};

/** Every item's answers by whoever the spec names. */
export function answer(
  a: Asking,
  onProgress?: (done: number, total: number) => Promise<void>,
): Promise<AnsweredItem[]> {
  const { task, items, spec, node } = a;
  for (const item of items) {
    const parsed = task.input.safeParse(item.input);
    if (!parsed.success)
      throw new TillerError(
        "bad_input",
        `the input ${item.id} does not fit ${task.name}@${task.version}: ${z.prettifyError(parsed.error)}. Correct it where the workflow asks.`,
      );
  }
  const wanted = peopleOf(a) * items.length;
  node.note({ agent: nameOf(spec), wanted }, true);
  // the table is indexed by the spec's own kind
  const by = agents[spec.kind] as (s: AgentSpec, asking: Asking) => Promise<AnsweredItem[]>;
  const count = (answered: AnsweredItem[]) => {
    const answers = answered.reduce((n, x) => n + x.answers.length, 0);
    node.note({ answers });
    return onProgress ? onProgress(answers, wanted).then(() => answered) : answered;
  };
  if (!onProgress) return by(spec, a).then(count);
  const { db } = a.ops.host.store;
  let shown = 0;
  let looking = Promise.resolve();
  const look = async () => {
    const n = await batchAnswers(db, node.id);
    if (n !== shown) await onProgress((shown = n), wanted);
  };
  const timer = setInterval(() => {
    looking = looking.then(look).catch(() => {}); // a lost database: the next look says it
  }, SHOW_MS);
  timer.unref();
  return onProgress(0, wanted)
    .then(() => by(spec, a))
    .finally(() => clearInterval(timer))
    .then((answered) => looking.then(() => count(answered)));
}
const SHOW_MS = 2000;
const nameOf = (spec: AgentSpec): string =>
  spec.kind === "model" ? spec.model : "model" in spec ? `people, with ${spec.model}` : spec.kind;

async function eachItem(
  a: Asking,
  answer: (
    item: Item,
    k: number,
  ) => Promise<{ value: unknown; by: string }> | { value: unknown; by: string },
): Promise<AnsweredItem[]> {
  const one = async (item: Item, k: number): Promise<Answered<unknown>> => {
    const began = performance.now();
    const given = await answer(item, k);
    return {
      ...given,
      person: null,
      answer: null,
      swap: false,
      idleSeconds: 0,
      activeSeconds: (performance.now() - began) / 1000,
      at: new Date(a.ops.host.now()).toISOString(),
    };
  };
  return Promise.all(
    a.items.map(async (item) => ({
      batch: null,
      answers: await Promise.all(Array.from({ length: peopleOf(a) }, (_, k) => one(item, k))),
    })),
  );
}

/** The question as a model gets it, and its answer by the task's own schema. */
async function ask(a: Asking, model: string, item: Item, k: number): Promise<unknown> {
  const { modelClient, store } = a.ops.host;
  if (!modelClient) throw noModels(model);
  const asked = taskPrompt(a.task, item.input);
  a.node.note({ prompt: asked });
  const { budgets } = a.ops.args;
  const budget = await checkBudgets(store.db, budgets, { tokens: 1 }, a.ops.host.now());
  const key = `${a.node.id}/${item.id}/${k}`;
  const at = { node: key, experiment: a.ops.args.experiment };
  const { reply, used } = await charged(store.db, at, () =>
    a.ops.host.underWay.run(key, (signal) =>
      modelClient.call(model, asked, {
        output: answerSchema(a.task, item.input),
        key,
        budget,
        signal,
        sample: k, // several answers of one model are several samples, and another experiment draws others
      }),
    ),
  );
  const before = sums.get(a.node) ?? { cost: 0, tokens: 0 };
  const sum = { cost: before.cost + used.money, tokens: before.tokens + used.tokens };
  sums.set(a.node, sum);
  a.node.note({ ...sum, cached: reply.cached });
  return reply.value;
}
/** What the model calls of one ask used together. */
const sums = new WeakMap<OpContext, { cost: number; tokens: number }>();

/** What a model is asked: the instructions people get, the input by its keys, and the answer as JSON. */
export function taskPrompt(task: Task, input: unknown): Prompt {
  const parts = Object.entries(input as object).flatMap(([name, value]) => [
    { text: `${name}:\n` },
    { text: typeof value === "string" ? value : pretty(value), filled: name },
    { text: "\n\n" },
  ]);
  return chat(
    system`You do work that people do too. Follow the instructions exactly and answer with JSON only.`,
    prompt`${task.title}\n\n${task.instructions}\n\n`,
    { messages: [{ role: "user", parts: [...parts, { text: "Your answer:" }] }] },
  );
}
const pretty = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value, undefined, 2);

interface Posted {
  readonly id: string;
  readonly batch: string;
  readonly deadline: number | undefined;
}
/** Posts the tasks, once. */
async function post(
  a: Asking,
  task: Task,
  items: readonly (Item & { draft?: unknown })[],
  part: string | undefined,
): Promise<Posted> {
  const { node, o } = a;
  const { host, args } = a.ops;
  const { db } = host.store;
  const id = part ? `${node.id}/${part}` : node.id;
  const batch = (part ? undefined : own(a.ops.config.carried.batches, node.path)) ?? id;
  const wanted = peopleOf(a) * items.length;
  const deadline = o.hours === undefined ? undefined : await deadlineOf(a, batch, o.hours);
  if (!host.posted.has(batch)) {
    await checkBudgets(db, args.budgets, { people: wanted }, host.now());
    const named = o.only?.length ? [{ qualification: `asked ${batch}`, level: 1 }] : [];
    for (const { qualification: name } of named)
      for (const person of o.only!)
        await setQualification(db, null, { person, name, level: 1, why: "asked by name" });
    if (a.ops.ended) throw new Dbos.DBOSWorkflowCancelledError(node.id);
    await postBatch(db, {
      id: batch,
      experiment: args.experiment,
      type: task,
      people: peopleOf(a),
      inputs: items.map((i) => ({
        id: i.id,
        input: i.input,
        ...(i.draft === undefined ? {} : { draft: i.draft }),
      })),
      node: node.id,
      excluded: o.not ?? [],
      simulated: a.spec.kind === "people" && a.spec.simulated === true,
      requires: [...(o.requires ?? []), ...named],
      deadline: deadline === undefined ? undefined : new Date(deadline),
    });
    if (a.ops.ended) await cancelBatches(db, batch); // it ended while this was being posted
    host.posted.add(batch);
    fault("batch.posted");
  }
  const links = [{ kind: "batch" as const, id: batch }];
  node.note({ links, wanted, brief: `waits for ${wanted} answer${wanted > 1 ? "s" : ""}` }, true);
  return { id, batch, deadline };
}

/** Waits until each task has its answers by different people. What it keeps while it waits, thousands keep. */
async function askPeople(
  a: Asking,
  task: Task,
  items: readonly (Item & { draft?: unknown })[],
  part?: string,
): Promise<AnsweredItem[]> {
  const { host, args } = a.ops;
  const { id, batch, deadline } = await post(a, task, items, part);
  const { db } = host.store;
  const over = () => deadline !== undefined && host.now() >= deadline;
  const unanswered = () =>
    new TillerError(
      "unanswered",
      `nobody completed ${a.node.path} within ${a.o.hours} hours. Invite more people, or give it more time.`,
    );
  let answers: Answer[] | undefined;
  while (!answers) {
    const inTime = await host.waiter.settled(batch, deadline);
    answers = await takeAnswers(db, batch, { node: id, experiment: args.experiment }).catch((e) => {
      throw over() ? unanswered() : e; // taken off the desks below, before a crash
    });
    if (answers || inTime) continue;
    await cancelBatches(db, batch); // nobody reads an answer that comes now
    throw unanswered();
  }
  host.posted.delete(batch);
  fault("answers.taken");
  a.node.note({ brief: "" });
  return byItem(batch, items, answers);
}
function byItem(batch: string, items: readonly Item[], answers: readonly Answer[]): AnsweredItem[] {
  const by = Map.groupBy(answers, (x) => x.task as string);
  return items.map((item) => ({
    batch,
    answers: (by.get(`${batch}/${item.id}`) ?? []).map((x) => ({
      value: x.value,
      person: PersonId.parse(x.person),
      by: x.by,
      answer: x.answer as AnswerId,
      swap: x.swap,
      activeSeconds: x.activeSeconds,
      idleSeconds: x.idleSeconds,
      at: x.at,
    })),
  }));
}

/** The same after a crash: kept with the batch when it was posted. */
async function deadlineOf(a: Asking, batch: string, hours: number): Promise<number> {
  const kept = await a.ops.host.deadlineOf(batch);
  return kept ?? a.ops.host.now() + hours * 3_600_000;
}

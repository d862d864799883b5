/**
 * One workflow as it runs: its function once through, from the record as far as that goes. The calls that ask people
 * and models and start other workflows are here; those of the lab are in lab-calls.ts.
 */
import type { z } from "zod";
import {
  type AgentSpec,
  type ExperimentId,
  own,
  type Prompt,
  type Rng,
  rng as seeded,
  TaskId,
  TillerError,
} from "@tiller/schema";
import type { Reply } from "@tiller/model";
import type { TaskDef } from "@tiller/task";
import { patient, resolveValue, type StoredValue } from "@tiller/store";
import { answer } from "./agents.ts";
import { charged, checkBudgets } from "./budget.ts";
import { restUntil } from "./clock.ts";
import type {
  Answered,
  Asked,
  AskedItem,
  AskOptions,
  ChildOptions,
  Flow,
  ModelOptions,
  ScoredReply,
  StepContext,
  StepOptions,
  WorkflowDef,
} from "./define.ts";
import { doer } from "./fence.ts";
import { failed, isControl, nodeError, noModels } from "./failures.ts";
import type { Host, WorkflowArgs } from "./host.ts";
import { LabFlow } from "./lab-calls.ts";
import { type OpContext, Ops } from "./op.ts";
import * as options from "./options.ts";
import { checked } from "./options.ts";
import { recordedBeyond } from "./record.ts";
import { briefly, digest, isDigestOf, keep } from "./values.ts";

export async function runWorkflow(
  host: Host,
  def: WorkflowDef,
  args: WorkflowArgs,
): Promise<StoredValue> {
  const { store, recorder } = host;
  const ops = new Ops(host, args, await host.configOf(args.experiment));
  const how = { lenient: !ops.turns, signal: host.stopping };
  const { shown: input } = await keep(store.home, args.input, { ...how, lenient: true });
  const node = {
    id: args.id,
    experiment: args.experiment,
    parent: args.parent,
    place: args.place,
    kind: "workflow",
    name: def.name,
    startedAt: ops.now(),
    replayed: false,
  } as const;
  recorder.write({ ...node, state: "running", endedAt: null, input });
  const who = doer();
  if (who) who.fail = (why) => void ops.break(why);
  try {
    const made = await ops.code(async () =>
      def.run(new WorkflowFlow(def, ops), def.input.parse(args.input)),
    );
    await refuseShorter(ops);
    await ops.caughtUp();
    const { stored, shown: output, value } = await keep(store.home, made, how);
    await abandon(ops);
    recorder.write({ ...node, state: "done", endedAt: ops.now(), output, brief: briefly(value) });
    return ops.turns ? { ...stored, ...ofInput(args.input) } : output;
  } catch (e) {
    if (isControl(e) || host.stopping.aborted) throw e;
    await ops.caughtUp().catch(() => {}); // what failed first is said
    await abandon(ops);
    const error = nodeError(e);
    const end = { state: "failed", endedAt: ops.now(), error, brief: error.message } as const;
    recorder.write({ ...node, ...end });
    throw ops.turns ? failed(e) : e;
  }
}
/** What a child was given, for the parent that asks for its result. */
function ofInput(input: unknown): { of?: string } {
  const of = digest(input);
  return of === undefined ? {} : { of };
}
/** A replay that ends before it came to all that is on record does not do what it did. */
async function refuseShorter(ops: Ops): Promise<void> {
  if (!ops.turns || !ops.replayed) return;
  const left = await recordedBeyond(ops.host, ops.args.id, ops.begun);
  if (left !== undefined)
    throw new TillerError(
      "changed_workflow",
      `the record goes on with ${left} where the workflow now ends. Give the changed workflow a new version beside the old.`,
    );
}
/** Calls that nobody waits for at the end: losers of a race, what was begun and never awaited. */
async function abandon(ops: Ops): Promise<void> {
  ops.ended = true;
  const left = [...ops.underWay];
  const { host } = ops;
  for (const call of left)
    await patient(
      () => host.abandon(call.id, "nobody waited for it when its workflow ended"),
      host.stopping,
    );
}

interface ModelAsk<T> {
  readonly model: string;
  readonly prompt: Prompt;
  readonly o: ModelOptions<T>;
  readonly logprobs: boolean;
}

const CONCURRENCY = 16; // of a map that says nothing
const DEEPEST = 1000; // workflows inside one another

function asked<O>(name: string, answers: readonly Answered<O>[]): Asked<O> {
  if (!answers.length)
    throw new TillerError(
      "unanswered",
      `${name} was taken out of the work before anybody answered it. Ask again from the trace, or have the workflow expect it.`,
    );
  const people = answers.flatMap((a) => (a.person === null ? [] : [a.person]));
  return { value: answers[0]!.value, values: answers.map((a) => a.value), answers, people };
}

class WorkflowFlow extends LabFlow implements Flow {
  get experiment(): ExperimentId {
    return this.ops.args.experiment;
  }
  get id(): string {
    return this.ops.args.id;
  }
  get seed(): number {
    return this.ops.args.seed;
  }
  get rng(): Rng {
    return this.ops.rng;
  }

  step<T>(name: string, body: (c: StepContext) => Promise<T> | T, o: StepOptions = {}): Promise<T> {
    return this.ops.given("flow.step", name, () => {
      const { waits, ...retry } = checked(`flow.step ${said(name)}`, options.StepOptions, o);
      const { store, underWay, modelClient } = this.ops.host;
      const standsFor = (model: string) => {
        if (!modelClient) throw noModels(model);
        return modelClient.standsFor(model);
      };
      return this.ops.op(
        "step",
        name,
        (c) =>
          underWay.run(c.id, async (signal) => {
            const { id: key, attempt, path } = c;
            return body({ key, attempt, rng: seeded(this.seed, path), signal, store, standsFor });
          }),
        { ...retry, ...(waits ? { state: "waiting" as const } : {}) },
      );
    });
  }
  now(): Promise<number> {
    return this.step("now", () => this.ops.host.now());
  }
  sleep(name: string, seconds: number): Promise<void> {
    return this.ops.given("flow.sleep", name, () => this.#sleep(name, seconds));
  }
  async #sleep(name: string, seconds: number): Promise<void> {
    checked(`flow.sleep ${said(name)}`, options.SleepSeconds, { seconds });
    const { ops } = this;
    const { host } = ops;
    const place = ops.enter(name);
    const until = () => host.now() + 1000 * seconds;
    const end = await ops.at(place, "sleep", name, until, { input: { seconds } });
    const over = (signal?: AbortSignal) => restUntil(end, () => host.now(), signal);
    if (!ops.turns) return over();
    // when it is over is a result too: what it raced against may have come first
    const wake = () =>
      host.underWay.run(place.id, (signal) =>
        over(signal).catch((e: unknown) => {
          throw signal.aborted ? signal.reason : e;
        }),
      );
    await ops.at(place, "sleep", name, wake, { quiet: true });
  }

  /** Who answers a kind of work: the experiment's configuration, else the recipe, else people. */
  #agentOf(task: string, o: AgentSpec | undefined): AgentSpec {
    const { agents } = this.ops.config;
    return own(agents, task) ?? own(agents, "*") ?? o ?? { kind: "people" };
  }
  // no async functions on the way to people: what waits for days should keep little
  ask<I, O>(task: TaskDef<I, O>, input: NoInfer<I>, o: AskOptions = {}): Promise<Asked<O>> {
    const name = o.name ?? task.name;
    return this.ops.given("flow.ask", name, () => {
      checked(`flow.ask ${said(name)}`, options.AskOptions, o);
      const { ops } = this;
      const spec = this.#agentOf(task.name, o.agent);
      const act = (node: OpContext) => {
        const changed = own(ops.config.carried.inputs, node.path);
        const asked = changed === undefined ? input : task.input.parse(changed);
        const items = [{ id: "1", input: asked }];
        return answer({ ops, node, spec, task, items, o }).then((items) => items[0]!.answers);
      };
      const about = { task: task.name, input };
      return ops
        .op("ask", name, act, { input, about, state: "waiting" })
        .then((answers) => asked(name, answers as Answered<O>[])); // parsed by the task's schema when they were stored
    });
  }
  askAll<I, O>(
    name: string,
    task: TaskDef<I, O>,
    items: readonly { readonly id: string; readonly input: NoInfer<I> }[],
    o: AskOptions & { readonly stage?: string } = {},
  ): Promise<AskedItem<I, O>[]> {
    return this.ops.given("flow.askAll", name, () => {
      const call = `flow.askAll ${said(name)}`;
      const { stage } = checked(call, options.AskAllOptions, o);
      checked(
        call,
        options.ItemIds,
        items.map((i) => i.id),
        "the id of item",
      );
      const spec = this.#agentOf(task.name, o.agent);
      const onProgress =
        stage && ((done: number, total: number) => this.showStage(stage, { done, total }));
      return this.ops.op(
        "ask",
        name,
        async (node) => {
          if (!items.length) return [];
          const at = { ops: this.ops, node, spec, task, items, o };
          const answered = await answer(at, onProgress || undefined);
          return items.map(({ id, input }, i) => {
            const { batch, answers } = answered[i]!;
            const id_ = TaskId.parse(`${batch ?? node.id}/${id}`);
            return { id, task: id_, input, answers: answers as Answered<O>[] };
          });
        },
        {
          state: "waiting",
          input: { items: items.length, people: o.people ?? 1 },
          about: { task: task.name, items: items.map(({ id, input }) => [id, input]) },
        },
      );
    });
  }

  model<T = string>(model: string, prompt: Prompt, o: ModelOptions<T> = {}): Promise<T> {
    const made = (r: Reply<T>) => (o.output ? r.value : r.text) as T;
    return this.#asked("flow.model", { model, prompt, o, logprobs: false }, made);
  }
  scoredReply(model: string, prompt: Prompt, o: ModelOptions<string> = {}): Promise<ScoredReply> {
    const made = ({ text, logprobs }: Reply<string>) => ({ text, logprobs: logprobs ?? [] });
    return this.#asked("flow.scoredReply", { model, prompt, o, logprobs: true }, made);
  }
  #asked<T, R>(
    call: string,
    { model, prompt, o, logprobs }: ModelAsk<T>,
    made: (reply: Reply<T>) => R,
  ): Promise<R> {
    return this.ops.given(call, o.name ?? model, () => {
      const { host, args } = this.ops;
      const { name, attempts, waitSeconds, ...more } = o;
      checked(`${call} ${said(name ?? model)}`, options.ModelOptions, o);
      return this.ops.op(
        "model",
        name ?? model,
        async (c) => {
          c.note({ agent: model, prompt }, true);
          if (!host.modelClient) throw noModels(model);
          const { db } = host.store;
          const budget = await checkBudgets(db, args.budgets, { tokens: 1 }, host.now());
          const { modelClient } = host;
          const at = { node: c.id, experiment: args.experiment };
          const { reply, used } = await charged(db, at, () =>
            host.underWay.run(c.id, (signal) =>
              modelClient.call(model, prompt, { ...more, logprobs, key: c.id, budget, signal }),
            ),
          );
          c.note({ cached: reply.cached, cost: used.money, tokens: used.tokens });
          return made(reply);
        },
        {
          input: { model },
          about: { model, prompt },
          ...(attempts === undefined ? {} : { attempts }),
          ...(waitSeconds === undefined ? {} : { waitSeconds }),
        },
      );
    });
  }

  child<S extends z.ZodType, R>(
    def: WorkflowDef<S, R>,
    input: z.input<S>,
    o: ChildOptions = {},
  ): Promise<R> {
    const name = o.name ?? def.name.split("@")[0]!;
    return this.ops.given("flow.child", name, () => this.#child(name, def, input, o));
  }
  async #child<S extends z.ZodType, R>(
    name: string,
    def: WorkflowDef<S, R>,
    input: z.input<S>,
    o: ChildOptions,
  ): Promise<R> {
    const { ops } = this;
    checked(`flow.child ${said(name)}`, options.ChildOptions, o);
    const depth = (ops.args.depth ?? 0) + 1;
    if (depth > DEEPEST)
      throw new TillerError(
        "too_deep",
        `${name} would be the ${depth}th workflow inside one another; ${DEEPEST} are the most. Does the recursion end? Give each child more to do.`,
      );
    const place = ops.enter(name);
    const act = (c: Pick<OpContext, "id" | "path" | "place">) => {
      const given = own(ops.config.carried.inputs, c.path) ?? input;
      const budgets = o.budget
        ? [...ops.args.budgets, { node: c.id, since: ops.host.now(), budget: o.budget }]
        : ops.args.budgets;
      const { experiment, turns } = ops.args;
      const at = { experiment, id: c.id, parent: ops.parent(), place: c.place, depth };
      const args = { ...at, seed: this.seed, input: given, budgets, ...(turns ? { turns } : {}) };
      return this.#started(def as unknown as WorkflowDef, args, o.spread ?? false);
    };
    if (ops.turns) {
      const about = { workflow: def.name, input };
      return ops.at(place, "workflow", def.name, act, { about, quiet: true }) as Promise<R>;
    }
    try {
      return (await act({ id: place.id, path: ops.pathOf(place.id), place: place.place })) as R;
    } finally {
      place.leave();
    }
  }
  /** The child's result; what is carried over from another experiment is its result without running. */
  async #started(def: WorkflowDef, args: WorkflowArgs, spread: boolean): Promise<unknown> {
    const { host, config } = this.ops;
    const { home } = host.store;
    const path = this.ops.pathOf(args.id);
    const carried = own(config.carried.results, path);
    if (carried !== undefined) {
      const { shown: output, value } = await keep(home, carried, { lenient: true });
      const { experiment, id, parent, place } = args;
      const times = { startedAt: this.ops.now(), endedAt: this.ops.now() };
      const done = { kind: "workflow", name: def.name, state: "done", replayed: true } as const;
      const node = { experiment, id, parent, place, output, cached: true, brief: briefly(value) };
      host.recorder.write({ ...node, ...done, ...times });
      return value;
    }
    const stored = await host.runChild(def, args, spread);
    const { of } = stored as { of?: string };
    if (of !== undefined && !isDigestOf(of, args.input, { home, formerHomes: host.formerHomes }))
      throw this.ops.break(
        new TillerError(
          "changed_workflow",
          `${path} was started with another input than it is given now. Give the changed workflow a new version beside the old; where its code did not change, put what differs (the time, chance) into a flow.step.`,
        ),
      );
    return resolveValue(home, stored);
  }

  map<T, R>(
    name: string,
    items: readonly T[],
    body: (item: T, index: number) => Promise<R>,
    o: { readonly concurrency?: number } = {},
  ): Promise<R[]> {
    return this.ops.given("flow.map", name, () => this.#map(name, items, body, o));
  }
  async #map<T, R>(
    name: string,
    items: readonly T[],
    body: (item: T, index: number) => Promise<R>,
    o: { readonly concurrency?: number },
  ): Promise<R[]> {
    const { concurrency } = checked(`flow.map ${said(name)}`, options.MapOptions, o);
    const { places } = this.ops;
    const at = this.ops.enter(name);
    const results: R[] = [];
    const failures: unknown[] = [];
    let next = 0;
    const worker = async () => {
      while (next < items.length && !failures.length) {
        const i = next++;
        try {
          results[i] = await places.item(`${at.id}/${i}`, items[i], () => body(items[i]!, i));
        } catch (e) {
          failures.push(e);
        }
      }
    };
    const workers = Math.min(concurrency ?? CONCURRENCY, items.length);
    const act = async () => {
      await Promise.all(Array.from({ length: workers }, worker));
      if (failures.length) throw failures[0] as Error;
      return results;
    };
    const node = { id: at.id, kind: "map", name, place: at.place, wanted: items.length } as const;
    try {
      return await this.ops.section(node, act, { brief: `${items.length} items` });
    } finally {
      at.leave();
    }
  }
}
const said = (name: unknown): string => {
  checked("a call of the flow", options.Name, name, "its name");
  return JSON.stringify(String(name).slice(0, 60));
};

/**
 * One workflow as it runs: its function once through, from the record as far as that goes. The calls that ask people
 * and models and start other workflows are here; those of the lab are in lab-calls.ts.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { z } from "zod";
import {
  type AgentSpec,
  Budget,
  type ExperimentId,
  type Prompt,
  type Rng,
  rng as seeded,
  type TaskDef,
  TaskId,
  TillerError,
} from "@tiller/schema";
import { resolveValue, type StoredValue } from "@tiller/store";
import { answer } from "./agents.ts";
import { charged, checkBudgets } from "./budget.ts";
import type {
  Answered,
  Asked,
  AskedItem,
  AskOptions,
  ChildOptions,
  Flow,
  ModelOptions,
  Retry,
  StepContext,
  WorkflowDef,
} from "./define.ts";
import { isControl, nodeError, noModels } from "./failures.ts";
import type { Host, WorkflowArgs } from "./host.ts";
import { LabFlow } from "./lab-calls.ts";
import { type OpContext, Ops } from "./op.ts";
import { briefly, keep } from "./values.ts";

export async function runWorkflow(
  host: Host,
  def: WorkflowDef,
  args: WorkflowArgs,
): Promise<StoredValue> {
  const { store, recorder } = host;
  const ops = new Ops(host, args, await host.configOf(args.experiment));
  const { stored: input } = await keep(store.home, args.input, host.stopping);
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
  try {
    const made = await def.run(new WorkflowFlow(def, ops), def.input.parse(args.input));
    const { stored: output, value } = await keep(store.home, made, host.stopping);
    recorder.write({ ...node, state: "done", endedAt: ops.now(), output, brief: briefly(value) });
    return output;
  } catch (e) {
    if (!isControl(e) && !host.stopping.aborted) {
      const error = nodeError(e);
      const end = { state: "failed", endedAt: ops.now(), error, brief: error.message } as const;
      recorder.write({ ...node, ...end });
    }
    throw e;
  }
}

const CONCURRENCY = 16; // of a map that says nothing

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
  get home(): string {
    return this.ops.host.store.home;
  }
  get rng(): Rng {
    return this.ops.rng;
  }

  step<T>(name: string, body: (c: StepContext) => Promise<T> | T, o?: Retry): Promise<T> {
    return this.ops.op(
      "step",
      name,
      (c) => body({ key: c.id, attempt: c.attempt, rng: seeded(this.seed, c.path) }),
      o,
    );
  }
  now(): Promise<number> {
    return this.step("now", () => this.ops.host.now());
  }
  async sleep(name: string, seconds: number): Promise<void> {
    const { host } = this.ops;
    const until = () => host.now() + 1000 * seconds;
    const end = await this.ops.op("sleep", name, until, { input: { seconds } });
    for (let left = end - host.now(); left > 0; left = end - host.now())
      await wait(Math.min(left, 2 ** 31 - 1), undefined, { ref: false });
  }

  /** Who answers a kind of work: the run's configuration, else the recipe, else people. */
  #agentOf(task: string, o: AgentSpec | undefined): AgentSpec {
    const { agents } = this.ops.config;
    return agents[task] ?? agents["*"] ?? o ?? { kind: "people" };
  }
  // no async functions on the way to people: what waits for days should keep little
  ask<I, O>(task: TaskDef<I, O>, input: NoInfer<I>, o: AskOptions = {}): Promise<Asked<O>> {
    const name = o.name ?? task.name;
    const { ops } = this;
    const spec = this.#agentOf(task.name, o.agent);
    const act = (node: OpContext) => {
      const changed = ops.config.carried.inputs?.[node.path];
      const items = [{ id: "1", input: changed === undefined ? input : task.input.parse(changed) }];
      return answer({ ops, node, spec, task, items, o }).then((items) => items[0]!.answers);
    };
    return ops
      .op("ask", name, act, { input, state: "waiting" })
      .then((answers) => asked(name, answers as Answered<O>[])); // parsed by the task's schema when they were stored
  }
  askAll<I, O>(
    name: string,
    task: TaskDef<I, O>,
    items: readonly { readonly id: string; readonly input: NoInfer<I> }[],
    o: AskOptions & { readonly stage?: string } = {},
  ): Promise<AskedItem<I, O>[]> {
    const { stage } = o;
    const spec = this.#agentOf(task.name, o.agent);
    const onProgress =
      stage && ((done: number, total: number) => this.showStage(stage, { done, total }));
    return this.ops.op(
      "ask",
      name,
      async (node) => {
        const at = { ops: this.ops, node, spec, task, items, o };
        const answered = await answer(at, onProgress || undefined);
        return items.map(({ id, input }, i) => {
          const { batch, answers } = answered[i]!;
          const id_ = TaskId.parse(`${batch ?? node.id}/${id}`);
          return { id, task: id_, input, answers: answers as Answered<O>[] };
        });
      },
      { state: "waiting", input: { items: items.length, people: o.people ?? 1 } },
    );
  }

  model<T = string>(model: string, prompt: Prompt, o: ModelOptions<T> = {}): Promise<T> {
    const { host, args } = this.ops;
    const { name, attempts, waitSeconds, ...options } = o;
    return this.ops.op(
      "model",
      name ?? model,
      async (c) => {
        c.note({ agent: model, prompt }, true);
        if (!host.models) throw noModels(model);
        const { db } = host.store;
        const budget = await checkBudgets(db, args.budgets, { tokens: 1 }, host.now());
        const { models } = host;
        const at = { node: c.id, experiment: args.experiment };
        const { reply, used } = await charged(db, at, () =>
          host.underWay.run(c.id, (signal) =>
            models.call(model, prompt, { ...options, key: c.id, budget, signal }),
          ),
        );
        c.note({ cached: reply.cached, cost: used.money, tokens: used.tokens });
        return (o.output ? reply.value : reply.text) as T;
      },
      {
        input: { model },
        ...(attempts === undefined ? {} : { attempts }),
        ...(waitSeconds === undefined ? {} : { waitSeconds }),
      },
    );
  }

  async child<S extends z.ZodType, R>(
    def: WorkflowDef<S, R>,
    input: z.input<S>,
    o: ChildOptions = {},
  ): Promise<R> {
    const { host, args, config } = this.ops;
    const { home } = host.store;
    const at = this.ops.places.enter(o.name ?? def.name.split("@")[0]!);
    const path = this.ops.pathOf(at.id);
    const node = {
      experiment: args.experiment,
      id: at.id,
      parent: this.ops.parent(),
      place: at.place,
    };
    try {
      const carried = config.carried.results[path];
      if (carried !== undefined) {
        const { stored: output, value } = await keep(home, carried, host.stopping);
        const times = { startedAt: this.ops.now(), endedAt: this.ops.now() };
        const done = { kind: "workflow", name: def.name, state: "done", replayed: true } as const;
        const brief = briefly(value);
        host.recorder.write({ ...node, ...done, ...times, output, cached: true, brief });
        return value as R;
      }
      const budget = o.budget && Budget.parse(o.budget);
      const stored = await host.runChild(
        def as unknown as WorkflowDef,
        {
          ...node,
          seed: this.seed,
          input: config.carried.inputs?.[path] ?? input,
          budgets: budget
            ? [...args.budgets, { node: at.id, since: host.now(), budget }]
            : args.budgets,
        },
        o.spread ?? false,
      );
      return (await resolveValue(home, stored)) as R;
    } finally {
      at.leave();
    }
  }

  async map<T, R>(
    name: string,
    items: readonly T[],
    body: (item: T, index: number) => Promise<R>,
    o: { readonly concurrency?: number } = {},
  ): Promise<R[]> {
    const { places } = this.ops;
    const at = places.enter(name); // as a whole: nothing else may begin while it runs
    const results: R[] = [];
    const failures: unknown[] = [];
    let next = 0;
    const worker = async () => {
      while (next < items.length && !failures.length) {
        const i = next++;
        try {
          results[i] = await places.item(`${at.id}/${i}`, () => body(items[i]!, i));
        } catch (e) {
          failures.push(e);
        }
      }
    };
    const workers = Math.min(o.concurrency ?? CONCURRENCY, items.length);
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

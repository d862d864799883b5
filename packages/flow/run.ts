/**
 * One workflow as it runs: its function once through, from the record as far as that goes. The calls that ask people
 * and models and start other workflows are here; those of the lab are in lab-calls.ts.
 */
import { setTimeout as wait } from "node:timers/promises";
import { type AgentSpec, Budget, type Prompt, rng as seeded, TaskId } from "@tiller/schema";
import { resolveValue, spend, type StoredValue } from "@tiller/store";
import { answersFrom } from "./agents.ts";
import { checkBudgets } from "./budget.ts";
import { isControl, nodeError, noModels } from "./failures.ts";
import type { Asked, Flow, ModelOptions, WorkflowDef } from "./define.ts";
import type { Host, RunConfig, WorkflowArgs } from "./host.ts";
import { labCalls, stageShower } from "./lab-calls.ts";
import { type OpContext, openOps, type Ops } from "./op.ts";
import { briefly, keep } from "./values.ts";

export async function runWorkflow(
  host: Host,
  def: WorkflowDef,
  args: WorkflowArgs,
): Promise<StoredValue> {
  const { store, recorder } = host;
  const config = await host.configOf(args.experiment);
  const ops = openOps(host, args, config);
  const { stored: input } = await keep(store.home, args.input);
  const node = {
    id: args.id,
    experiment: args.experiment,
    parent: args.parent,
    place: args.place,
    kind: "workflow",
    name: def.name,
    startedAt: ops.now(),
    input,
    replayed: false,
  } as const;
  recorder.write({ ...node, state: "running", endedAt: null });
  try {
    const made = await def.run(makeFlow(host, def, args, config, ops), def.input.parse(args.input));
    const { stored: output, value } = await keep(store.home, made);
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

function makeFlow(
  host: Host,
  def: WorkflowDef,
  args: WorkflowArgs,
  config: RunConfig,
  ops: Ops,
): Flow {
  const { store } = host;
  const { db, home } = store;
  const { experiment, seed } = args;
  const { op, places, section } = ops;
  const showStage = stageShower(host, args);
  const asker = (c: OpContext, task: string, o?: AgentSpec) => {
    const spec = config.agents[task] ?? config.agents["*"] ?? o ?? { kind: "people" };
    return answersFrom({ host, config, args, spec, node: c });
  };
  return {
    experiment,
    id: args.id,
    seed,
    home,
    get rng() {
      return ops.rng();
    },
    step: (name, act, o) =>
      op("step", name, (c) => act({ key: c.id, attempt: c.attempt, rng: seeded(seed, c.id) }), o),
    now: () => op("step", "now", () => host.now()),
    sleep: async (name, seconds) => {
      const until = await op("sleep", name, () => host.now() + 1000 * seconds, {
        input: { seconds },
      });
      for (let left = until - host.now(); left > 0; left = until - host.now())
        await wait(Math.min(left, 2 ** 31 - 1), undefined, { ref: false });
    },
    ask: async (task, input, o = {}) => {
      const answers = await op(
        "ask",
        o.name ?? task.name,
        async (c) => {
          const changed = config.carried.inputs?.[c.path];
          const asked = changed === undefined ? input : task.input.parse(changed);
          const items = [{ id: "1", input: asked }];
          return (await asker(c, task.name, o.agent).ask(task, items, o))[0]!.answers;
        },
        { input, state: "waiting" },
      );
      const people = answers.flatMap((a) => (a.person === null ? [] : [a.person]));
      const values = answers.map((a) => a.value);
      return { value: values[0], values, answers, people } as unknown as Asked<never>;
    },
    askAll: (name, task, items, o = {}) =>
      op(
        "ask",
        name,
        async (c) => {
          const { stage } = o;
          const onProgress = stage
            ? (done: number, total: number) => showStage(stage, { done, total })
            : undefined;
          const answered = await asker(c, task.name, o.agent).ask(task, items, o, onProgress);
          return items.map(({ id, input }, i) => {
            const { batch, answers } = answered[i]!;
            return { id, task: TaskId.parse(`${batch ?? c.id}/${id}`), input, answers };
          });
        },
        { state: "waiting", input: { items: items.length, people: o.people ?? 1 } },
      ) as Promise<never>,
    model: <T>(model: string, prompt: Prompt, o: ModelOptions<T> = {}) =>
      op(
        "model",
        o.name ?? model,
        async (c) => {
          c.note({ agent: model, prompt }, true);
          if (!host.models) throw noModels(model);
          await checkBudgets(db, args.budgets, { tokens: 1 }, host.now());
          const call = { ...modelOptions(o), key: c.id, signal: host.stopping };
          const reply = await host.models.call(model, prompt, call);
          const used = { money: reply.cost, tokens: reply.promptTokens + reply.completionTokens };
          c.note({ cached: reply.cached, cost: used.money, tokens: used.tokens });
          await spend(db, { node: c.id, experiment, ...used });
          return (o.output ? reply.value : reply.text) as T;
        },
        { input: { model }, ...o },
      ),
    child: async (childDef, input, o = {}) => {
      const at = places.enter(o.name ?? childDef.name.split("@")[0]!);
      const path = ops.pathOf(at.id);
      try {
        const carried = config.carried.results[path];
        if (carried !== undefined) {
          const { stored: output, value } = await keep(home, carried);
          const times = { startedAt: ops.now(), endedAt: ops.now() };
          host.recorder.write({
            id: at.id,
            experiment,
            parent: ops.parent(),
            kind: "workflow",
            place: at.place,
            name: childDef.name,
            state: "done",
            output,
            ...times,
            cached: true,
            brief: briefly(value),
            replayed: true,
          });
          return value as never;
        }
        const budget = o.budget && {
          node: at.id,
          since: host.now(),
          budget: Budget.parse(o.budget),
        };
        const stored = await host.runChild(
          childDef as unknown as WorkflowDef,
          {
            experiment,
            id: at.id,
            parent: ops.parent(),
            place: at.place,
            seed,
            input: config.carried.inputs?.[path] ?? input,
            budgets: budget ? [...args.budgets, budget] : args.budgets,
          },
          o.spread ?? false,
        );
        return (await resolveValue(home, stored)) as never;
      } finally {
        at.leave();
      }
    },
    map: async (name, items, act, o = {}) => {
      const at = places.enter(name); // as a whole: nothing else may begin while it runs
      const results: Awaited<ReturnType<typeof act>>[] = [];
      let next = 0;
      const failures: unknown[] = [];
      const worker = async () => {
        while (next < items.length && !failures.length) {
          const i = next++;
          try {
            results[i] = await places.item(`${at.id}/${i}`, () => act(items[i]!, i));
          } catch (e) {
            failures.push(e);
          }
        }
      };
      const workers = Math.min(o.concurrency ?? CONCURRENCY, items.length);
      try {
        return await section(
          { id: at.id, kind: "map", name, place: at.place, wanted: items.length },
          async () => {
            await Promise.all(Array.from({ length: workers }, worker));
            if (failures.length) throw failures[0] as Error;
            return results;
          },
          { brief: `${items.length} items` },
        );
      } finally {
        at.leave();
      }
    },
    ...labCalls(host, def, args, ops, showStage),
  };
}

/** The options of a call without the flow's own. */
function modelOptions<T>(o: ModelOptions<T>) {
  const { name: _name, attempts: _attempts, waitSeconds: _wait, ...rest } = o;
  return rest;
}

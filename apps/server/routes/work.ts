/** Work leads' API: queues and forecasts, rules, policies with their back-test. */
import { backtest, readyPolicies } from "@tiller/crowd";
import { TillerError } from "@tiller/schema";
import {
  addRule,
  endRule,
  forecastQueues,
  keepBacktest,
  listPolicies,
  listRoster,
  listRules,
  listWorkers,
  pastAnswers,
  savePolicy,
  setPolicyState,
  workEvents,
} from "@tiller/work";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";

export const workRoutes = (d: Deps) => {
  const { db } = d.store;
  const find = async (v: { name: string; version: number }) => {
    const found = (await listPolicies(db)).find(
      (p) => p.name === v.name && p.version === v.version,
    );
    if (!found)
      throw new TillerError(
        "not_found",
        `there is no version ${v.version} of the policy ${v.name}. Look at the list.`,
      );
    return found;
  };
  return {
    workQueues: () => forecastQueues(db),
    workRoster: () => listRoster(db),
    listWorkers: () => listWorkers(db),
    listRules: () => listRules(db),
    workEvents: () => workEvents(db),
    addRule: async (c, { body }) => ({ id: await addRule(db, c.var.me.id, body) }),
    endRule: async (c, { id }) => {
      await endRule(db, c.var.me.id, id);
      return ok;
    },
    listPolicies: async (_, { kind }) => {
      const ready = Object.entries(readyPolicies).map(([name, make]) => ({
        name,
        body: make(kind),
      }));
      return { policies: await listPolicies(db), ready };
    },
    savePolicy: (c, { body }) => savePolicy(db, c.var.me.id, body),
    backtestPolicy: async (_, { body: v }) => {
      const { body } = await find(v);
      const past = await pastAnswers(db, body);
      if (past.length < 2)
        throw new TillerError(
          "nothing_to_try_on",
          `there are ${past.length} answers to “${body.field}” of ${body.kind}; a trial needs some. Wait for the first answers, or name another kind.`,
        );
      const truth = new Map(
        past.flatMap((p) => (p.truth === null ? [] : [[p.task, p.truth] as const])),
      );
      const topics = new Map(past.map((p) => [p.task, p.topic]));
      const result = backtest(body, {
        answers: past,
        truth,
        topicOf: (task) => topics.get(task) ?? "",
      });
      await keepBacktest(db, { ...v, backtest: result });
      return result;
    },
    setPolicyState: async (c, { body }) => {
      await setPolicyState(db, c.var.me.id, body);
      return ok;
    },
  } satisfies Partial<Handlers>;
};

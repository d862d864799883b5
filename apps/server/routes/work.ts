/** Work leads' API: queues and forecasts, rules, delegation rules with their back-test. */
import { backtest, readyDelegationRules } from "@tiller/crowd";
import { TillerError } from "@tiller/schema";
import {
  addRule,
  endRule,
  forecastQueues,
  keepBacktest,
  listDelegationRules,
  listRoster,
  listRules,
  listWorkers,
  pastAnswers,
  saveDelegationRule,
  setDelegationRuleState,
  workEvents,
} from "@tiller/work";
import type { Deps } from "../context.ts";
import { type Handlers, ok } from "../operate.ts";

export const workRoutes = (d: Deps) => {
  const { db } = d.store;
  const find = async (v: { name: string; version: number }) => {
    const found = (await listDelegationRules(db)).find(
      (p) => p.name === v.name && p.version === v.version,
    );
    if (!found)
      throw new TillerError(
        "not_found",
        `there is no version ${v.version} of the delegation rule ${v.name}. Look at the list.`,
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
    listDelegationRules: async (_, { kind }) => {
      const ready = Object.entries(readyDelegationRules).map(([name, make]) => ({
        name,
        body: make(kind),
      }));
      return { rules: await listDelegationRules(db), ready };
    },
    saveDelegationRule: (c, { body }) => saveDelegationRule(db, c.var.me.id, body),
    backtestDelegationRule: async (_, { body: v }) => {
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
    setDelegationRuleState: async (c, { body }) => {
      await setDelegationRuleState(db, c.var.me.id, body);
      return ok;
    },
  } satisfies Partial<Handlers>;
};

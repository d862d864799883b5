/**
 * Delegation rules at work: asked with every answer whether the task wants more people, fewer, or a researcher. What is known
 * about people's reliability is learnt from past answers, and refreshed as they come in.
 */
import { learnFrom, type Learnt, wantedAfter } from "@tiller/crowd";
import type { StoredDelegationRule } from "@tiller/schema";
import { at as valueAt } from "@tiller/task";
import {
  askReview,
  liveDelegationRules,
  pastAnswers,
  saidAbout,
  saveSkills,
  situationOf,
  tasksIn,
} from "./delegation.ts";
import { type Db } from "@tiller/store";
import { type DecidePeople } from "./work.ts";

const RULES_MS = 2000;
const LEARNT_MS = 30_000;

/** Returns what decides about one lease's task; undefined where no rule is live for it. */
export function delegationAtWork(db: Db) {
  let live: { at: number; list: Promise<StoredDelegationRule[]> } | undefined;
  const learnt = new Map<string, { at: number; what: Promise<Learnt> }>();
  const sizes = new Map<string, number>();

  const rules = (): Promise<StoredDelegationRule[]> => {
    if (!live || performance.now() - live.at > RULES_MS)
      live = { at: performance.now(), list: liveDelegationRules(db) };
    return live.list;
  };
  const learn = async ({ body }: StoredDelegationRule): Promise<Learnt> => {
    const learnt = learnFrom(body, await pastAnswers(db, body));
    if (body.scoring === "suited" && learnt.labels.length)
      await saveSkills(db, { kind: body.kind, skills: learnt.skills });
    return learnt;
  };
  const known = (p: StoredDelegationRule): Promise<Learnt> => {
    const key = `${p.name}@${p.version}`;
    const before = learnt.get(key);
    if (before && performance.now() - before.at < LEARNT_MS) return before.what;
    const what = learn(p);
    learnt.set(key, { at: performance.now(), what });
    what.catch(() => learnt.delete(key)); // tried again with the next answer
    return what;
  };

  return async (lease: string, person: string): Promise<DecidePeople | undefined> => {
    const list = await rules();
    if (!list.length) return undefined;
    const at = await situationOf(db, lease);
    if (!at) return undefined;
    const rule = list
      .filter(
        (p) => p.body.kind === at.kind && (p.body.experiment ?? at.experiment) === at.experiment,
      )
      .toSorted(
        (a, b) => Number(b.body.experiment !== null) - Number(a.body.experiment !== null),
      )[0];
    if (!rule) return undefined;
    const { body } = rule;
    const before = await known(rule);
    if (!sizes.has(at.batch)) sizes.set(at.batch, await tasksIn(db, at.batch));
    return async (tx, { value }) => {
      const mine = valueAt(value, body.field);
      if (mine === undefined || mine === null || typeof mine === "object") return undefined;
      const said = [
        ...(await saidAbout(tx, { task: at.task, field: body.field })),
        { worker: person, label: `${mine as string | number | boolean}` },
      ];
      const mayAsk = at.wanted < (body.perTask ?? Infinity) * sizes.get(at.batch)!;
      const { people, review } = wantedAfter(body, { said, known: before, mayAsk });
      if (review) await askReview(tx, { task: at.task, why: review });
      return people;
    };
  };
}

/**
 * Policies at work: asked with every answer whether the task wants more people, fewer, or a researcher. What is known
 * about people's reliability is learnt from past answers, and refreshed as they come in.
 */
import { dawidSkene, decide, labelTable, posteriorOf, signalsOf, topicSkill } from "@tiller/crowd";
import { type StoredPolicy, at as valueAt } from "@tiller/schema";
import {
  askReview,
  livePolicies,
  pastAnswers,
  saidAbout,
  saveSkills,
  situationOf,
  tasksIn,
} from "./policies.ts";
import { type Db } from "@tiller/store";
import { type DecidePeople } from "./work.ts";

const POLICIES_MS = 2000;
const LEARNT_MS = 30_000;
const UNKNOWN = 0.75; // how reliable someone is thought to be before there are answers

interface Learnt {
  readonly labels: readonly string[];
  readonly reliability: ReadonlyMap<string, number>;
}

/** Returns what decides about one lease's task; undefined where no policy is live for it. */
export function policiesAtWork(db: Db) {
  let live: { at: number; list: Promise<StoredPolicy[]> } | undefined;
  const learnt = new Map<string, { at: number; what: Promise<Learnt> }>();
  const sizes = new Map<string, number>();

  const policies = (): Promise<StoredPolicy[]> => {
    if (!live || performance.now() - live.at > POLICIES_MS)
      live = { at: performance.now(), list: livePolicies(db) };
    return live.list;
  };
  const learn = async ({ body }: StoredPolicy): Promise<Learnt> => {
    const past = await pastAnswers(db, body);
    if (!past.length) return { labels: [], reliability: new Map() };
    const t = labelTable(past);
    const inferred = dawidSkene(t);
    if (body.scoring === "suited") {
      const topics = new Map(past.map((p) => [p.task, p.topic]));
      const skill = topicSkill(t, inferred, (task) => topics.get(task) ?? "");
      const skills = [...skill].flatMap(([topic, rows]) => {
        const mean = rows.reduce((a, b) => a + b, 0) / Math.max(1, rows.length);
        return t.workers.map((person, w) => ({ person, topic, advantage: rows[w] - mean }));
      });
      await saveSkills(db, { kind: body.kind, skills });
    }
    return {
      labels: t.labels,
      reliability: new Map(t.workers.map((w, i) => [w, inferred.reliability[i]])),
    };
  };
  const known = (p: StoredPolicy): Promise<Learnt> => {
    const key = `${p.name}@${p.version}`;
    const before = learnt.get(key);
    if (before && performance.now() - before.at < LEARNT_MS) return before.what;
    const what = learn(p);
    learnt.set(key, { at: performance.now(), what });
    what.catch(() => learnt.delete(key)); // tried again with the next answer
    return what;
  };

  return async (lease: string, person: string): Promise<DecidePeople | undefined> => {
    const list = await policies();
    if (!list.length) return undefined;
    const at = await situationOf(db, lease);
    if (!at || at.measuring) return undefined;
    const policy = list
      .filter(
        (p) => p.body.kind === at.kind && (p.body.experiment ?? at.experiment) === at.experiment,
      )
      .toSorted(
        (a, b) => Number(b.body.experiment !== null) - Number(a.body.experiment !== null),
      )[0];
    if (!policy) return undefined;
    const { body } = policy;
    const { labels: before, reliability } = await known(policy);
    if (!sizes.has(at.batch)) sizes.set(at.batch, await tasksIn(db, at.batch));
    return async (tx, { value }) => {
      const mine = valueAt(value, body.field);
      if (mine === undefined || mine === null || typeof mine === "object") return undefined;
      const said = [
        ...(await saidAbout(tx, { task: at.task, field: body.field })),
        { worker: person, label: `${mine as string | number | boolean}` },
      ];
      const labels = [...new Set([...before, ...said.map((s) => s.label)])];
      const votes = labels.map((l) => said.filter((s) => s.label === l).length);
      const posterior = posteriorOf(
        said.map((s) => ({
          label: labels.indexOf(s.label),
          reliability: reliability.get(s.worker) ?? UNKNOWN,
        })),
        Math.max(2, labels.length),
      );
      const { act } = decide(body, signalsOf(votes, posterior));
      if (act === "review")
        await askReview(tx, {
          task: at.task,
          why: `${body.title}: ${votes.map((n, i) => `${n} × ${labels[i]}`).join(", ")}`,
        });
      const budget = (body.perTask ?? Infinity) * sizes.get(at.batch)!;
      return act === "ask" && at.wanted < budget ? said.length + 1 : said.length;
    };
  };
}

/**
 * Rooms as one Inspect log (inspect_ai, log version 2), for its viewer and for Scout: a room is a sample, its moves are messages as a
 * judge sees them, the verdict is the output, right or wrong and the proper score are the scores. The fields are those that Inspect's
 * published schema of EvalLog asks for (src/inspect_ai/_view/inspect-openapi.json, August 2026).
 */
import { own } from "@tiller/schema";
import type { Judgment } from "./judgments.ts";
import type { Log } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { score } from "./score.ts";
import { replay, seatsOf } from "./state.ts";
import { verdictsOf } from "./verdicts.ts";
import { view } from "./view.ts";
import { letter, moveText, questionText, speakerText } from "./words.ts";

interface Room {
  readonly name: string;
  readonly rules: Rules;
  readonly log: Log;
  readonly occupants?: Readonly<Record<string, string>>;
  readonly judgments?: readonly Judgment[];
}
const iso = (at: number) => new Date(at).toISOString();
const TIE = 1e-9;

/** A sample a room; whoever judged it again is a score of its own. */
function sampleOf(room: Room) {
  const { name, rules, log, occupants = {} } = room;
  const s = replay(rules, log);
  const open = s.open!;
  const seat = seatsOf(rules, "judge")[0] ?? Object.keys(rules.seats)[0]!;
  const v = view(rules, log, seat);
  const result = score(rules, log);
  const who = own(occupants, seat) ?? "judge";
  // quotes come with the moves that hold them
  const asked = questionText({ ...v, texts: v.texts.map((t) => ({ ...t, passages: [] })) });
  const messages = [
    { role: "user", content: asked },
    ...v.rounds.flatMap((r) =>
      r.moves.map((m) => {
        const content = moveText(v, m);
        return m.by === seat
          ? { role: "assistant", content, source: "generate", model: who }
          : { role: "user", content: `[${speakerText(v, m.by)}, ${r.label}]\n${content}` };
      }),
    ),
  ].map((m, i) => ({ id: `${name}-${i}`, ...m }));
  const answerOf = (p: readonly number[]) => {
    const most = Math.max(...p);
    const top = p.flatMap((x, i) => (most - x < TIE ? [i] : []));
    return top.length === 1 ? letter(top[0]!) : "";
  };
  const target = letter(open.truth);
  const verdicts = verdictsOf(room);
  const scores = verdicts.flatMap((verdict, i) => {
    const answer = answerOf(verdict.credence);
    const by = verdict.live ? "judge" : `again-${verdict.judge}`;
    const metadata = { judge: verdict.judge, live: verdict.live, credence: verdict.credence };
    const right = {
      value: answer === target ? "C" : "I",
      answer,
      explanation: verdict.credence.map((p, a) => `${letter(a)} ${p.toFixed(2)}`).join(", "),
      metadata,
      history: [],
    };
    const bits = { value: Math.log2(verdict.credence[open.truth]!), answer, metadata, history: [] };
    // several judges of the room: the first is the judge, the others have their names
    const key =
      verdict.live && verdicts.findIndex((w) => w.live) !== i ? `judge-${verdict.judge}` : by;
    return [[key, right] as const, [`${key} log2`, bits] as const];
  });
  const began = log[0]!.at;
  const ended = s.over?.at ?? log.at(-1)!.at;
  const answer = result ? answerOf(result.credence) : "";
  return {
    id: name,
    epoch: 1,
    input: asked,
    choices: [...open.answers],
    target,
    messages,
    output: {
      model: who,
      choices: [
        {
          message: { role: "assistant", content: answer, source: "generate" },
          stop_reason: "stop",
        },
      ],
      completion: answer,
    },
    scores: Object.fromEntries<(typeof scores)[number][1]>(scores),
    metadata: {
      protocol: rules.name,
      seats: Object.fromEntries(
        Object.keys(rules.seats).map((n) => [n, own(occupants, n) ?? null]),
      ),
      sides: s.sides,
      over: s.over?.by ?? null,
      rounds: result?.rounds ?? null,
    },
    store: {},
    events: [],
    model_usage: {},
    role_usage: {},
    attachments: {},
    started_at: iso(began),
    completed_at: iso(ended),
    total_time: (ended - began) / 1000,
  };
}

export function inspectLog(
  rooms: readonly Room[],
  o: { readonly name: string; readonly created: number },
) {
  const samples = rooms.map(sampleOf);
  const times = samples.flatMap((s) => [s.started_at, s.completed_at]).toSorted();
  const names = [...new Set(samples.flatMap((s) => Object.keys(s.scores)))];
  const scores = names.map((name) => {
    const values = samples.flatMap((s) => own(s.scores, name)?.value ?? []);
    const numbers = values.map((x) => (typeof x === "number" ? x : Number(x === "C")));
    const metric = name.endsWith("log2") ? "mean" : "accuracy";
    const value = numbers.reduce((a, b) => a + b, 0) / numbers.length;
    return {
      name,
      scorer: name,
      params: {},
      metrics: { [metric]: { name: metric, value, params: {} } },
      scored_samples: numbers.length,
      unscored_samples: samples.length - numbers.length,
    };
  });
  return {
    version: 2,
    status: "success",
    eval: {
      eval_id: o.name,
      run_id: o.name,
      created: iso(o.created),
      task: o.name,
      task_id: o.name,
      task_version: 1,
      task_attribs: {},
      task_args: {},
      task_args_passed: {},
      dataset: {
        name: o.name,
        samples: samples.length,
        sample_ids: samples.map((s) => s.id),
        shuffled: false,
      },
      model: "none/none",
      model_generate_config: {},
      model_args: {},
      config: {},
      packages: {},
      scorers: [],
    },
    plan: { name: "room", steps: [], config: {} },
    results: { total_samples: samples.length, completed_samples: samples.length, scores },
    stats: {
      started_at: times[0] ?? iso(o.created),
      completed_at: times.at(-1) ?? iso(o.created),
      model_usage: {},
      role_usage: {},
      connection_limit_history: [],
    },
    invalidated: false,
    tags: [],
    metadata: {},
    samples,
  };
}

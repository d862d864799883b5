/**
 * Our side of the bench, one mode a process: `throughput`, `latency`, `park N`, `recover N`. Prints one line of JSON a
 * measurement. Run by main.ts with DATABASE_URL.
 */
import { z } from "zod";
import { launchFlow, workflow } from "@tiller/flow";
import { PersonId } from "@tiller/schema";
import { defineTask } from "@tiller/task";
import { ensurePerson, openStore, sql } from "@tiller/store";
import { submitAnswer, takeLease } from "@tiller/work";
import { inTurns, load, throughput } from "./shapes.ts";

const [mode, home, count = "0"] = process.argv.slice(2) as [string, string, string?];
const N = Number(count);

const question = defineTask({
  name: "bench-question",
  version: "1",
  title: "Yes or no?",
  instructions: "",
  input: z.strictObject({ question: z.string() }),
  view: {
    show: [{ kind: "text", from: "question" }],
    ask: [
      {
        kind: "choice",
        name: "answer",
        label: "Answer",
        options: [
          { value: "yes", label: "Yes" },
          { value: "no", label: "No" },
        ],
      },
    ],
  },
  samples: [],
});
const nexts: number[] = [];
const Count = z.object({ n: z.number() });
const steps = workflow("bench-steps@1", Count, async (flow, { n }) => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += await flow.step(`step ${i}`, () => i);
  return sum;
});
const child = workflow("bench-child@1", Count, async (_, { n }) => n);
const parent = workflow("bench-parent@1", Count, async (flow, { n }) => {
  const all = Array.from({ length: n }, (_, i) => flow.child(child, { n: i }));
  return (await Promise.all(all)).length;
});
const asked = workflow("bench-asked@1", Count, async (flow, { n }) => {
  await flow.ask(question, { question: `${n}?` });
  await flow.step("next", () => nexts.push(performance.now()));
  return n;
});

const store = await openStore({ home, databaseUrl: process.env["DATABASE_URL"] });
const flow = await launchFlow({
  store,
  workflows: [steps, child, parent, asked],
  codeRevision: "bench",
});
const say = (x: unknown) => console.log(JSON.stringify(x));
const run = async (def: typeof steps, n: number) => flow.wait(await flow.start(def, { n }));
const commits = () =>
  store.db.value(
    sql`select xact_commit from pg_stat_database where datname = current_database()`,
    z.coerce.number(),
  );
const pause = (ms: number) => new Promise((r) => setTimeout(r, ms));

const modes: Record<string, () => Promise<void>> = {
  throughput: async () => {
    await run(steps, 20); // warm
    await run(parent, 20);
    await inTurns(() =>
      throughput({
        steps: () =>
          Promise.all(Array.from({ length: load.workflows }, () => run(steps, load.steps))),
        children: () => run(parent, load.children),
      }),
    );
  },
  latency: async () => {
    const me = PersonId.parse("bench");
    await ensurePerson(store.db, { id: me, name: "Bench", pseudonym: "bench", role: "rater" });
    const taken: number[] = [];
    for (let i = 0; i < load.answers; i++) {
      const id = await flow.start(asked, { n: i });
      let lease;
      while (!(lease = await takeLease(store.db, me, { swap: false }))) await pause(2);
      await pause(20);
      const began = performance.now();
      await submitAnswer(store.db, me, {
        lease: lease.lease,
        value: { answer: "yes" },
        activeSeconds: 1,
        idleSeconds: 0,
      });
      await flow.wait(id);
      taken.push(nexts.at(-1)! - began);
    }
    const sorted = taken.slice(20).toSorted((a, b) => a - b); // the first ones warm up
    say({
      p50: sorted[Math.floor(sorted.length / 2)],
      p99: sorted[Math.floor(sorted.length * 0.99)],
    });
  },
  park: async () => {
    for (let i = 0; i < N; i += 200)
      await Promise.all(
        Array.from({ length: Math.min(200, N - i) }, (_, k) =>
          flow.start(asked, { n: i + k }, { id: `parked-${i + k}` }),
        ),
      );
    while (flow.waiting() < N) await pause(100);
    await store.db.run(sql`vacuum analyze`); // what Postgres would do some time in the next minute: hundreds of commits
    await pause(20_000); // the trace is written, DBOS's loops are at rest, the heap is compacted
    const before = await commits();
    const began = performance.now();
    await pause(30_000);
    const rest = (performance.now() - began) / 1000;
    say({
      rssMB: process.memoryUsage().rss / 2 ** 20,
      commitsPerSecond: ((await commits()) - before) / rest,
    });
    await new Promise(() => {}); // until killed
  },
  recover: async () => {
    while (flow.waiting() < N) await pause(50);
    say({ seconds: performance.now() / 1000 }); // since the process began
  },
};
await modes[mode]!();
process.exit(0);

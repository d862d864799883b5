/** What people judged between texts of several experiments: comparisons whose sides name samples of their runs. */
import { z } from "zod";
import { JudgedPair } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

const Row = z.object({
  a: z.string(),
  b: z.string(),
  task: z.string(),
  passage: z.string(),
  textA: z.string(),
  textB: z.string(),
  choice: z.enum(["a", "b", "tie"]),
  simulated: z.boolean(),
});
const SHOWN = 5;

export async function judgedPairs(db: Db, experiments: readonly string[]): Promise<JudgedPair[]> {
  const rows = await db.many(
    sql`with mine as (select s.id, r.experiment, s.text from sample s join run r on r.id = s.run where r.experiment = any(${[...experiments]}))
        select x.experiment as a, y.experiment as b, t.id as task, coalesce(t.input->>'passage', '') as passage, x.text as "textA", y.text as "textB",
          a.value->>'choice' as choice, p.simulated
        from mine x join task t on t.input #>> '{a,sample}' = x.id join mine y on y.id = t.input #>> '{b,sample}' and y.experiment <> x.experiment
          join answer a on a.task = t.id and a.undone_at is null join person p on p.id = a.person
        where a.value->>'choice' in ('a', 'b', 'tie')`,
    Row,
  );
  const place = (id: string) => experiments.indexOf(id);
  // the one that stands first in the question is A, whichever side of the task it was
  const turned = rows.map((r) =>
    place(r.a) <= place(r.b)
      ? r
      : {
          ...r,
          a: r.b,
          b: r.a,
          textA: r.textB,
          textB: r.textA,
          choice: ({ a: "b", b: "a", tie: "tie" } as const)[r.choice],
        },
  );
  return [...Map.groupBy(turned, (r) => `${r.a}\n${r.b}`).values()].map((of) => {
    const count = (rows: typeof of, choice: "a" | "b" | "tie") =>
      rows.filter((r) => r.choice === choice).length;
    const tasks = [...Map.groupBy(of, (r) => r.task)].slice(0, SHOWN);
    return JudgedPair.parse({
      a: of[0]!.a,
      b: of[0]!.b,
      winsA: count(of, "a"),
      winsB: count(of, "b"),
      ties: count(of, "tie"),
      simulated: of.filter((r) => r.simulated).length,
      shown: tasks.map(([task, answers]) => ({
        task,
        passage: answers[0]!.passage,
        a: answers[0]!.textA,
        b: answers[0]!.textB,
        winsA: count(answers, "a"),
        winsB: count(answers, "b"),
      })),
    });
  });
}

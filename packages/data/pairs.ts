/** The comparisons of an import as a dataset version: one row a pair, with what quality knows of who judged it. */
import { z } from "zod";
import { trainingLabels, type Vote } from "@tiller/crowd";
import { LabelledPair, labelledPairs } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { saveDataset } from "@tiller/lab";
import { kindsOfWork } from "./export.ts";
import { prompt } from "./formats.ts";

const raw = (text: string) => ({ text, values: [] });
const Judged = LabelledPair.omit({ pB: true, weight: true }).extend({
  votes: z.array(
    z.object({
      choice: z.enum(["a", "b", "tie"]),
      weight: z.number(),
      rater: z.string().nullable().describe("null where the file does not say who judged"),
    }),
  ),
});

/** Of the tasks in the temporary table `fresh`; null when none of them is a comparison. */
export async function saveImportedPairs(
  db: Db,
  home: string,
  o: { name: string; experiment: string | null },
): Promise<string | null> {
  const judged = await db.many(
    sql`${raw(kindsOfWork)}, nameless as (select row->>'answer' as answer from fresh where row ? 'unnamed')
        select t.id as task, ${raw(prompt)} as passage, t.input #>> k.a as a, t.input #>> k.b as b, array_agg(a.id order by a.id) as judgments,
          json_agg(json_build_object('choice', a.value #>> k.field, 'weight', a.weight,
            'rater', case when u.answer is null then a.person end) order by a.id) as votes
        from task t join k on (k.name, k.version) = (t.type, t.type_version) join answer a on a.task = t.id left join nameless u on u.answer = a.id
        where t.id in (select row->>'task' from fresh) and a.undone_at is null and a.weight > 0 and a.value #>> k.field in ('a', 'b', 'tie')
          and t.input #>> k.a is not null and t.input #>> k.b is not null
        group by t.id, k.prompts, k.a, k.b order by t.place, t.id`,
    Judged,
  );
  if (!judged.length) return null;
  const { labels } = trainingLabels(
    judged.map(({ passage, a, b, votes }) => ({ prompt: passage, a, b, votes: votes.map(voteOf) })),
  );
  const rows = judged.map(({ task, passage, a, b, judgments }, i): LabelledPair => {
    const { pB, weight } = labels[i]!;
    return { task, passage, a, b, pB, weight, judgments };
  });
  return saveDataset(db, home, { ...o, rows, schema: labelledPairs.name });
}
const voteOf = (v: z.infer<typeof Judged>["votes"][number]): Vote => ({
  choice: v.choice,
  weight: v.weight,
  source: "person",
  rater: v.rater ?? undefined,
});

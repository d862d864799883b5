/** Work for a bench: a crowd of raters, open tasks, and a past of answered ones, written as the application writes them. */
import { comparison } from "../../recipes/better-continuations/comparison.ts";
import { ExperimentId, PersonId } from "@tiller/schema";
import { createExperiment } from "@tiller/lab";
import { postBatch } from "@tiller/work";
import { sql, type Store } from "@tiller/store";

const OVERLAP = 3;
const BATCH = 10_000;

/** Returns the raters. Open tasks are posted; finished ones are copied in below the API, since a million take long. */
export async function seedWork(
  store: Store,
  o: { open: number; done: number; people: number },
): Promise<PersonId[]> {
  const { db } = store;
  await db.run(
    sql`insert into person (id, name, pseudonym, role, simulated)
        select 'bench-' || n, 'Bench ' || n, 'bench-' || n, 'rater', false from generate_series(1, ${o.people}::int) n`,
  );
  for (let e = 0; e * BATCH * 5 < o.open; e++)
    await createExperiment(db, {
      id: `bench-${e}`,
      recipe: "bench@1",
      title: `Bench ${e}`,
      seed: 1,
      config: {},
      stages: [],
    });
  for (let from = 0; from < o.open; from += BATCH)
    await postBatch(db, {
      id: `bench-${Math.floor(from / (5 * BATCH))}/${from}`,
      experiment: ExperimentId.parse(`bench-${Math.floor(from / (5 * BATCH))}`),
      type: comparison,
      people: OVERLAP,
      inputs: Array.from({ length: Math.min(BATCH, o.open - from) }, (_, i) => ({
        id: `${from + i}`,
        input: {
          passage: `Passage ${from + i}. The sea was calm that morning, and the men sang as they worked.`,
          a: { text: " They had seen no ship for days.", sample: `${from + i}a` },
          b: { text: " A shark had followed them all night.", sample: `${from + i}b` },
        },
      })),
    });
  if (o.done) await seedPast(store, o.done, o.people);
  await db.run(sql`vacuum analyze`);
  return Array.from({ length: o.people }, (_, i) => PersonId.parse(`bench-${i + 1}`));
}

/** Tasks that were answered by three people each, in batches whose answers are in use; no trigger tells anybody of them. */
const seedPast = ({ db }: Store, tasks: number, people: number): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(sql`set local session_replication_role = replica`);
    await writePast(tx, tasks, people);
  });
async function writePast(db: Store["db"], tasks: number, people: number): Promise<void> {
  await db.run(
    sql`insert into batch (id, experiment, type, wanted, done, consumed_at)
        select 'bench-0/past-' || b, 'bench-0', ${comparison.name}, ${BATCH * OVERLAP}::int, ${BATCH * OVERLAP}::int, now() from generate_series(0, ${Math.ceil(tasks / BATCH) - 1}::int) b`,
  );
  await db.run(
    sql`insert into task (id, batch, place, type, type_version, input, people, taken)
        select 'past-' || n, 'bench-0/past-' || (n / ${BATCH}::int), n % ${BATCH}::int, ${comparison.name}, ${comparison.version}, '{"passage": "p", "a": {"text": "a", "sample": "a"}, "b": {"text": "b", "sample": "b"}}', ${OVERLAP}::int, ${OVERLAP}::int
        from generate_series(0, ${tasks}::int - 1) n`,
  );
  const each = sql`from generate_series(0, ${tasks}::int - 1) n cross join generate_series(0, ${OVERLAP}::int - 1) k`;
  const person = sql`'bench-' || (1 + (n * 7 + k * 331) % ${people}::int)`;
  const at = sql`now() - make_interval(secs => (${tasks}::int - n) * 0.5)`;
  await db.run(
    sql`insert into lease (id, task, person, swap, state, expires_at, created_at)
        select 'past-' || n || '-' || k, 'past-' || n, ${person}, n % 2 = 0, 'answered', ${at}, ${at} ${each}`,
  );
  await db.run(
    sql`insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds, at)
        select 'past-' || n || '-' || k, 'past-' || n, 'past-' || n || '-' || k, ${person}, jsonb_build_object('choice', case when (n + k / 2) % 2 = 0 then 'a' else 'b' end), n % 2 = 0, 20 + n % 30, 2, ${at} ${each}`,
  );
  await db.run(
    sql`insert into day_count (person, kind, day, taken, answered, seconds)
        select a.person, k.kind, (a.at at time zone 'utc')::date, count(*), count(*), sum(a.active_seconds)
        from answer a cross join (values (''), (${comparison.name})) as k(kind) group by 1, 2, 3
        on conflict (person, kind, day) do nothing`,
  );
}

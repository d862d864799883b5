/**
 * A million answers out of an embedded Postgres as JSONL, CSV and Parquet: rows a second, and how much memory the
 * exporting process holds at most. Run: npm run bench -- data [--rows 1000000] [--home DIR] [--json]
 * The home is a temporary one unless it is given; a given one is filled once and kept.
 */
import { execFileSync, fork } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { exportAnswers } from "@tiller/data";
import { ExportRequest, fileKinds, type FileKind } from "@tiller/schema";
import { openStore, sql, type Store } from "@tiller/store";

const Measured = z.object({
  rows: z.number(),
  seconds: z.number(),
  bytes: z.number(),
  cpuSeconds: z.number(),
  startMB: z.number(),
  peakMB: z.number(),
});
type Measured = z.infer<typeof Measured>;

/** In a process of its own, so that its memory is that of this export alone. */
async function measure(home: string, as: FileKind): Promise<Measured> {
  await using store = await openStore({ home, guest: true });
  const began = performance.now();
  const cpu = process.cpuUsage();
  const startMB = process.memoryUsage().rss / 2 ** 20;
  let bytes = 0;
  const file = await exportAnswers(store, ExportRequest.parse({ as }));
  file.stream.on("data", (piece: Buffer) => {
    bytes += piece.length;
  });
  await pipeline(file.stream, createWriteStream(path.join(home, `out.${as}`)));
  return {
    rows: file.counts().rows,
    seconds: (performance.now() - began) / 1000,
    bytes,
    cpuSeconds: Object.values(process.cpuUsage(cpu)).reduce((a, b) => a + b / 1e6, 0),
    startMB,
    peakMB: process.resourceUsage().maxRSS / 1024,
  };
}

/** Comparisons by seventy people, three a pair, with texts of 250 characters or so. */
async function fill(store: Store, rows: number): Promise<void> {
  const { db } = store;
  if (await db.value(sql`select exists (select 1 from experiment where id = 'bench')`, z.boolean()))
    return;
  const view = {
    show: [{ kind: "text", from: "passage" }],
    ask: [{ kind: "pair", name: "choice", label: "Better", a: "a.text", b: "b.text", tie: true }],
  };
  await db.run(
    sql`insert into person (id, name, pseudonym, role) select 'p' || i, 'P', 'rater-' || i, 'rater' from generate_series(0, 69) i`,
  );
  await db.run(
    sql`insert into experiment (id, recipe, title, seed, config) values ('bench', 'bench@1', 'Bench', 1, '{}')`,
  );
  await db.run(
    sql`insert into task_type (name, version, title, instructions, view, input_schema, output_schema) values ('comparison', 'bench', 'Which?', ${"Which of the two is better? ".repeat(40)}, ${JSON.stringify(view)}, '{}', '{}')`,
  );
  await db.run(
    sql`insert into batch (id, experiment, wanted, done, consumed_at) select 'bench/' || i, 'bench', 0, 0, now() from generate_series(0, 99) i`,
  );
  await db.run(sql`insert into task (id, batch, place, type, type_version, input, people, taken)
    select 'bench/' || i % 100 || '/' || i, 'bench/' || i % 100, i, 'comparison', 'bench',
      jsonb_build_object('passage', 'The ship lay still for the ' || i || 'th day; "nobody" spoke. ' || repeat(substr(md5(i::text), 1, 7) || ' ', 12),
        'a', jsonb_build_object('text', repeat(substr(md5('a' || i), 1, 6) || ' ', 10), 'sample', 'a' || i),
        'b', jsonb_build_object('text', repeat(substr(md5('b' || i), 1, 6) || ' ', 10), 'sample', 'b' || i)), 3, 3
    from generate_series(0, ${Math.ceil(rows / 3)}::int - 1) i`);
  await db.run(sql`insert into lease (id, task, person, swap, state, expires_at)
    select 'l' || i, 'bench/' || i / 3 % 100 || '/' || i / 3, 'p' || i % 70, i % 2 = 0, 'answered', now() from generate_series(0, ${rows}::int - 1) i`);
  await db.run(sql`insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds, at)
    select md5(i::text)::uuid::text, 'bench/' || i / 3 % 100 || '/' || i / 3, 'l' || i, 'p' || i % 70, jsonb_build_object('choice', (array['a', 'b', 'tie'])[i % 3 + 1]), i % 2 = 0,
      random() * 100, random() * 10, '2026-01-01'::timestamptz + make_interval(secs => i * 0.7) from generate_series(0, ${rows}::int - 1) i`);
  for (const table of ["answer", "task", "lease"])
    await db.run({ text: `vacuum analyze ${table}`, values: [] });
}

const child = (home: string, as: FileKind): Promise<Measured> =>
  new Promise((resolve, reject) => {
    const measuring = fork(fileURLToPath(import.meta.url), ["--measure", as, "--home", home]);
    measuring.once("message", (m) => resolve(Measured.parse(m)));
    measuring.once(
      "exit",
      (code) => code && reject(new Error(`exporting ${as} ended with ${code}`)),
    );
  });

const { values: o } = parseArgs({
  args: process.argv.slice(2),
  options: {
    rows: { type: "string", default: "1000000" },
    home: { type: "string" },
    json: { type: "boolean", default: false },
    measure: { type: "string" },
  },
});
if (o.measure) process.send!(await measure(o.home!, z.enum(fileKinds).parse(o.measure)));
else {
  const home = o.home ?? mkdtempSync(path.join(tmpdir(), "tiller-bench-data-"));
  const store = await openStore({ home });
  try {
    await fill(store, Number(o.rows));
    const rows = [];
    for (const as of fileKinds) {
      const m = await child(home, as);
      const row = { as, ...m, rowsPerSecond: Math.round(m.rows / m.seconds) };
      rows.push(row);
      if (!o.json)
        console.log(
          `${as.padEnd(8)} ${row.rowsPerSecond} rows/s, ${(m.bytes / 1e6).toFixed(0)} MB, memory ${m.startMB.toFixed(0)} -> at most ${m.peakMB.toFixed(0)} MB`,
        );
    }
    report(rows);
    if (o.json) console.log(JSON.stringify({ rows }));
  } finally {
    await store.close();
    if (!o.home) rmSync(home, { recursive: true, force: true });
  }
}

function report(rows: readonly (Measured & { as: FileKind; rowsPerSecond: number })[]): void {
  const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
  const date = new Date().toISOString().slice(0, 10);
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], {
    cwd: root,
    encoding: "utf8",
  }).trim();
  writeFileSync(
    path.join(root, "bench", "results", `${date}-data.md`),
    `# Answers out of the database

Machine: ${cpus().length} cores, ${cpus()[0]?.model}, load ${loadavg()[0]!.toFixed(1)} at the end. Date: ${date}. Commit: ${commit}.
Command: \`npm run bench -- data\`. Postgres and the exporting process share the cores. Target: 100,000 rows a second, memory flat.

| file | rows | rows a second | seconds | of them the process's own, processor | MB written | memory before, MB | at most, MB |
|---|---|---|---|---|---|---|---|
${rows.map((r) => `| ${r.as} | ${r.rows} | ${r.rowsPerSecond} | ${r.seconds.toFixed(1)} | ${r.cpuSeconds.toFixed(1)} | ${(r.bytes / 1e6).toFixed(0)} | ${r.startMB.toFixed(0)} | ${r.peakMB.toFixed(0)} |`).join("\n")}
`,
  );
}

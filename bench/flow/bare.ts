/** The peer: DBOS by itself on the same Postgres. Prints a line of JSON a round. Run by main.ts with DATABASE_URL. */
import { DBOS } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import { inTurns, load, throughput } from "./shapes.ts";

const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: 20 });
DBOS.setConfig({
  name: "bare",
  systemDatabasePool: pool,
  applicationVersion: "1",
  runAdminServer: false,
  logger: { info() {}, debug() {}, warn() {}, error: console.error },
});
const steps = DBOS.registerWorkflow(
  async (n: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += await DBOS.runStep(async () => i, { name: `step ${i}` });
    return sum;
  },
  { name: "steps" },
);
const child = DBOS.registerWorkflow(async (i: number) => i, { name: "child" });
const parent = DBOS.registerWorkflow(
  async (n: number) => {
    const handles = await Promise.all(
      Array.from({ length: n }, (_, i) => DBOS.startWorkflow(child)(i)),
    );
    return (await Promise.all(handles.map((h) => h.getResult()))).length;
  },
  { name: "parent" },
);
await DBOS.launch();
await steps(20); // warm
await parent(20);
await inTurns(() =>
  throughput({
    steps: () => Promise.all(Array.from({ length: load.workflows }, () => steps(load.steps))),
    children: () => parent(load.children),
  }),
);
process.exit(0);

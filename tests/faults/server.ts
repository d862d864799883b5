/** One of several servers on one database, to be killed and paused: node server.ts HOME ENDPOINT [EXPERIMENT DEPTH] */
import { launchFlow } from "@tiller/flow";
import { ModelsConfig, openModelClient } from "@tiller/model";
import { openStore, sql } from "@tiller/store";
import { makeTree } from "./tree.ts";

const [home, baseURL, experiment, depth] = process.argv.slice(2) as [
  string,
  string,
  string?,
  string?,
];
const store = await openStore({ home, databaseUrl: process.env["DATABASE_URL"] });
const modelClient = openModelClient({
  config: ModelsConfig.parse({
    oracle: { kind: "openai", baseURL, model: "m", defaults: { temperature: 0 } },
  }),
  db: store.db,
});
const tree = makeTree((key) => store.db.run(sql`insert into effect (key) values (${key})`));
const flow = await launchFlow({ store, workflows: [tree], modelClient, codeRevision: "faults" });
if (experiment)
  await flow.start(tree, { depth: Number(depth), at: "r" }, { id: experiment, seed: 1 });
console.log(store.executor);
setInterval(() => {}, 1000);

/**
 * The HTTP application alone, without an experiment of its own: what a second server on one database runs, and what
 * tests and benches start. Prints one line of JSON, {"address"}, when it listens.
 * Run: node apps/server/serve.ts --home DIR [--port 0] [--guest]   (DATABASE_URL as for `tiller start`)
 */
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { serve } from "@hono/node-server";
import { expireLeases, settleDropped } from "@tiller/work";
import { openStore } from "@tiller/store";
import { createApp, serverOptions } from "./app.ts";
import { SamplerPool, serverModelClient } from "@tiller/serve";
import { serverFlow } from "./flow.ts";

const SWEEP_MS = 5000;

const { values } = parseArgs({
  options: {
    home: { type: "string" },
    port: { type: "string", default: "0" },
    guest: { type: "boolean", default: false },
    web: { type: "string", default: "" },
  },
});
if (!values.home) throw new Error("give the folder: --home DIR");
process.umask(0o077);
const store = await openStore({
  home: values.home,
  databaseUrl: process.env["DATABASE_URL"],
  guest: values.guest,
});
const pending = new Set<Promise<void>>();
const sampler = new SamplerPool();
const modelClient = serverModelClient({ store, sampler });
const flow = serverFlow({ store, sampler, codeRevision: "serve" });
const app = createApp({ store, flow, sampler, modelClient, pending, web: values.web });
const server = serve({
  fetch: app.fetch,
  port: Number(values.port),
  hostname: "127.0.0.1",
  serverOptions,
});
const sweep = setInterval(() => {
  void expireLeases(store.db)
    .then(() => settleDropped(store.db))
    .catch((e: unknown) => console.error(e));
}, SWEEP_MS);
server.once("listening", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ address: `http://127.0.0.1:${port}` }));
});
process.once("SIGTERM", () => {
  clearInterval(sweep);
  server.close();
  const end = async () => {
    await Promise.allSettled(pending);
    await flow.close();
    sampler[Symbol.dispose]();
    await store.close();
    process.exit(0);
  };
  void end();
});

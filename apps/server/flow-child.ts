/** The process that runs the workflows of a server: its recipes and a researcher's own file. */
import { z } from "zod";
import { launchFlow, noteSources } from "@tiller/flow";
import { serveFlow } from "@tiller/flow/child.ts";
import { loadFenced } from "@tiller/flow/load.ts";
import { checkpointMeta } from "@tiller/lm";
import { openStore } from "@tiller/store";
import { recipes } from "../../recipes/index.ts";
import { Part, serverModelClient } from "@tiller/serve";
import { FlowChildArgs } from "./flow.ts";

const args = FlowChildArgs.parse(JSON.parse(z.string().parse(process.argv[2])));
await serveFlow(args, async (parent) => {
  const { home, file, models: modelsFile, codeRevision } = args;
  const databaseUrl = process.env["DATABASE_URL"];
  const store = await openStore({ home, databaseUrl, guest: true });
  parent.hello(store.executor);
  const modelClient = serverModelClient({
    store,
    file: modelsFile,
    // one sampler a server: the weights are in memory once
    sampler: {
      async *generate(r, signal) {
        for await (const part of parent.want(r, signal)) yield Part.parse(part);
      },
    },
  });
  const own = file === undefined ? [] : await loadFenced(file, recipes, args.avoid, parent);
  if (file !== undefined)
    await noteSources(
      store.db,
      own.map((w) => w.name),
      file,
    );
  const flow = await launchFlow({
    store,
    workflows: [...recipes, ...own],
    codeRevision,
    modelClient,
    identify: checkpointMeta,
    onAside: (lines) => parent.say(...lines),
  });
  return { store, flow };
});

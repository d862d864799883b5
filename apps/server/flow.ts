/** The server's flow: workflows in a process of their own, with the one sampler of this one. */
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type FencedFlow, fenceFlow } from "@tiller/flow/fenced.ts";
import { workflowsFile } from "@tiller/flow/load.ts";
import type { Store } from "@tiller/store";
import { GenerateRequest, type SamplerPool } from "@tiller/serve";

export const FlowChildArgs = z.strictObject({
  exact: z.boolean(),
  avoid: z.array(z.string()),
  home: z.string(),
  /** a researcher's own workflows */
  file: z.string().optional(),
  models: z.string().optional(),
  codeRevision: z.string(),
});
type FlowChildArgs = z.infer<typeof FlowChildArgs>;

export function serverFlow(o: {
  store: Store;
  sampler: Pick<SamplerPool, "generate">;
  workflows?: string | undefined;
  models?: string | undefined;
  codeRevision: string;
}): FencedFlow {
  const { store, sampler, models, codeRevision } = o;
  const file = o.workflows === undefined ? undefined : workflowsFile(o.workflows);
  const given = {
    home: store.home,
    codeRevision,
    ...(file === undefined ? {} : { file }),
    ...(models === undefined ? {} : { models }),
  };
  return fenceFlow({
    store,
    module: fileURLToPath(new URL("./flow-child.ts", import.meta.url)),
    args: (start): FlowChildArgs => ({ ...given, ...start, avoid: [...start.avoid] }),
    serve: (what, signal) => sampler.generate(GenerateRequest.parse(what), signal),
    say: (line) => console.error(`tiller: ${line}`),
  });
}

/** tiller run verify RUN: recorded steps of a training job taken again on this machine, compared bit by bit. */
import { z } from "zod";
import { verifyRun } from "@tiller/flow";
import { defaultHome } from "@tiller/store";
import { verb } from "./command.ts";
import { homeFlag } from "./flags.ts";
import { table } from "./table.ts";

const flags = {
  home: homeFlag,
  json: z.boolean().default(false).describe("machine-readable: the digests"),
};
async function verify(o: z.infer<z.ZodObject<typeof flags>>, run: string): Promise<number> {
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  const made = await verifyRun(o.home ?? defaultHome(), run, { signal: abort.signal });
  const same = made.spans.every((s) => s.recorded === s.again);
  if (o.json) console.log(JSON.stringify({ run, same, ...made }));
  else {
    const rows = made.spans.map((s) => [
      `${s.from + 1} to ${s.to}`,
      s.recorded.slice(0, 12),
      s.again.slice(0, 12),
      s.recorded === s.again ? "the same bits" : "OTHER BITS",
    ]);
    console.log(table(["steps", "recorded", "taken again", ""], rows));
    if (!same)
      console.log(
        "\nThe weights differ: another machine, number of threads (TILLER_THREADS), library or code than those that trained it; or a fault. The same machine and revision must give the same bits.",
      );
  }
  return same ? 0 : 1;
}
export const verifyVerb = verb({
  what: "ten recorded steps of a training run again, compared bit by bit",
  takes: ["RUN"],
  flags,
  run: verify,
});

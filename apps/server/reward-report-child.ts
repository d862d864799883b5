/** One report of a reward model, from the file that reward-reports.ts wrote: the run first, then its rows (worked-out.ts). */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { loadModel, loadReward } from "@tiller/learn";
import { rewardReport } from "../../recipes/reward-report.ts";
import { workOut } from "./worked-out.ts";

export const Asked = z.strictObject({
  reward: z.string().describe("its folder"),
  base: z.string().describe("the folder of what it began from"),
  scale: z.number().optional(),
  run: z.strictObject({ kind: z.string(), config: z.unknown() }),
  said: z.array(
    z.tuple([z.string(), z.strictObject({ by: z.string(), choice: z.enum(["a", "b", "tie"]) })]),
  ),
});

await workOut(async (file) => {
  const [head, ...rows] = readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
  const Row = z.record(z.string(), z.unknown());
  const { reward, base, run, said, scale } = Asked.parse(head);
  const models = { reward: await loadReward(reward), base: await loadModel(base) };
  return rewardReport(models, z.array(Row).parse(rows), { run, said: new Map(said), scale });
});

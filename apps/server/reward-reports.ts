/** How good reward models are, for their pages: asked of reward-report-child.ts, with the rows and answers that a run learned from. */
import { artefactPath, datasetRows, getCheckpoint, getRun } from "@tiller/lab";
import { type CheckpointReward, RewardReport } from "@tiller/schema";
import type { Db } from "@tiller/store";
import { judgmentsOf } from "@tiller/work";
import { z } from "zod";
import { reportedKinds } from "../../recipes/reward-report.ts";
import type { Asked } from "./reward-report-child.ts";
import { WorkedOut } from "./worked-out.ts";

const Learned = z.looseObject({ base: z.string(), pairs: z.string() });
const Judged = z.looseObject({ judgments: z.array(z.string()) });

export class RewardReports {
  readonly #db: Db;
  readonly #home: string;
  readonly #made = new WorkedOut({
    child: new URL("./reward-report-child.ts", import.meta.url),
    what: "a report of a reward model",
    made: RewardReport,
  });

  constructor(db: Db, home: string) {
    this.#db = db;
    this.#home = home;
  }

  async of(id: string): Promise<CheckpointReward> {
    const { role, run: made } = await getCheckpoint(this.#db, id);
    if (role !== "reward") return none(`It is no reward model: it is a ${role}.`);
    const run = made === null ? undefined : await getRun(this.#db, made);
    if (!run || !reportedKinds.includes(run.kind))
      return none(
        "No run here made it from pairs, so nothing was kept back to hold it to. Hold it to a file of comparisons: tiller reward evaluate.",
      );
    // a checkpoint's weights, its run's rows and their answers never change
    const found = this.#made.of(id, {
      mark: 1,
      stale: () => false,
      input: () => this.#input(id, run),
    });
    return found.state === "made" ? { state: "made", report: found.made } : found;
  }

  async #input(id: string, run: Awaited<ReturnType<typeof getRun>>): Promise<string> {
    const [db, home] = [this.#db, this.#home];
    const { base, pairs } = Learned.parse(run.config);
    const rows = await datasetRows(db, home, pairs);
    const answers = rows.flatMap((row) => Judged.safeParse(row).data?.judgments ?? []);
    const judgments = answers.length ? await judgmentsOf(db, { answers }) : [];
    const { metrics } = await getCheckpoint(db, id);
    const folder = (checkpoint: string) =>
      artefactPath(db, home, { kind: "checkpoint", id: checkpoint });
    const asked: z.infer<typeof Asked> = {
      reward: await folder(id),
      base: await folder(base),
      ...(metrics["scale"] !== undefined && { scale: metrics["scale"] }),
      run: { kind: run.kind, config: run.config },
      said: judgments.map((j) => [j.answer, { by: j.by, choice: j.choice }]),
    };
    return [asked, ...rows].map((x) => `${JSON.stringify(x)}\n`).join("");
  }
}
const none = (why: string): CheckpointReward => ({ state: "none", why });

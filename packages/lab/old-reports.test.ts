/** Reports and datasets of homes from before reports had blocks: the migration itself, on rows as those homes have them. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openStore, sql } from "@tiller/store";
import { createExperiment, getDataset, getExperiment, getReport } from "./lab.ts";

const migration = path.join(
  import.meta.dirname,
  "../store/migrations/074-reports-of-any-experiment.sql",
);

/** As `better-continuations@2` wrote it; `tone`: what it calls the hidden preference. */
const oldReport = (tone: "preference" | "taste") => {
  const of = (whose: string) => (tone === "taste" ? `${whose}Taste` : `${whose}Preference`);
  const arm = { n: 4, reward: 1, [tone]: 0.4, length: 20, distinct1: 0.5, distinct2: 0.8 };
  return {
    experiment: `old-${tone}`,
    title: "Better continuations",
    createdAt: "2026-11-20T10:00:00.000Z",
    seed: 3,
    summary,
    table: [
      { ...arm, arm: "base", kl: 0, winRate: null, winRateLow: null, winRateHigh: null },
      { ...arm, arm: "policy", kl: 9, winRate: 0.75, winRateLow: 0.3, winRateHigh: 0.95 },
    ],
    bestOfN: [
      { n: 1, kl: 0, reward: 0, [tone]: 0, winRate: 0.5 },
      { n: 2, kl: 0.19, reward: 0.4, [tone]: 0.2, winRate: 0.55 },
    ],
    sideBySide: [{ passage: "p", base: "b", policy: "q", [of("base")]: -0.25, [of("policy")]: 1 }],
    rewardModel: {
      accuracy: 0.7,
      low: 0.5,
      high: 0.8,
      n: 10,
      curve: [
        { step: 1, values: { loss: 0.7 } },
        { step: 2, values: { loss: 0.6, validationLoss: 0.65 } },
      ],
    },
    ppo: [{ step: 1, values: { score: 0.1, kl: 0.01 } }],
    raters: [
      { pseudonym: "r-1", answers: 9, reliability: 0.9, low: 0.8, high: 0.95, agreement: null, flag: "ok" }, // prettier-ignore
    ],
  };
};
const summary = {
  seconds: 90,
  rewardAccuracy: 0.7,
  winRate: 0.75,
  kl: 9,
  distinct2Ratio: 0.8,
  judgments: 12,
  carelessFound: ["r-11", "r-12"],
};

test("reports, summaries and datasets of an old home are read as today's", async () => {
  const home = mkdtempSync(path.join(tmpdir(), "tiller-old-reports-"));
  const store = await openStore({ home });
  const { db } = store;
  try {
    await db.run(
      sql`alter table dataset drop column schema, add column kind text not null default 'pairs'`,
    );
    await db.run(sql`alter table report drop column at`);
    for (const tone of ["preference", "taste"] as const) {
      const id = `old-${tone}`;
      const about = { recipe: "better-continuations@2", title: "t", seed: 3, config: {} };
      await createExperiment(db, { id, ...about, stages: [] });
      await db.run(
        sql`update experiment set summary = ${JSON.stringify(summary)} where id = ${id}`,
      );
      await db.run(
        sql`insert into report (experiment, body) values (${id}, ${JSON.stringify(oldReport(tone))})`,
      );
    }
    const about = { recipe: "other@1", title: "t", seed: 1, config: {}, stages: [] };
    await createExperiment(db, { id: "no-report", ...about });
    for (const kind of ["pairs", "rows"])
      await db.run(
        sql`insert into dataset (id, name, experiment, rows, judgments, blob, kind) values (${kind}, 'd', null, 1, 0, 'b', ${kind})`,
      );

    await db.run({ text: readFileSync(migration, "utf8"), values: [] });

    expect((await getDataset(db, "pairs")).schema).toBe("labelled-pair@1");
    expect((await getDataset(db, "rows")).schema).toBe("rows");
    expect((await getExperiment(db, "no-report")).summary).toBeNull();
    const [one, other] = [await getReport(db, "old-preference"), await getReport(db, "old-taste")];
    expect(other.blocks).toEqual(one.blocks);
    expect(one).toMatchObject({
      title: "Better continuations",
      createdAt: "2026-11-20T10:00:00.000Z",
      seed: 3,
    });
    expect((await getExperiment(db, "old-taste")).summary).toEqual(one.summary);
    expect(one.summary.map(({ name, value, low, high }) => [name, value, low, high])).toEqual([
      ["winRate", 0.75, 0.3, 0.95],
      ["kl", 9, null, null],
      ["rewardAccuracy", 0.7, 0.5, 0.8],
      ["distinct2Ratio", 0.8, null, null],
      ["judgments", 12, null, null],
      ["carelessFound", 2, null, null],
      ["seconds", 90, null, null],
    ]);
    expect(one.summary.find((m) => m.name === "carelessFound")!.note).toBe("r-11, r-12");
    const titled = new Map(one.blocks.map((b) => [b.title, b]));
    expect(titled.get("Held-out passages")).toMatchObject({
      rows: [
        ["base", 4, null, 1, 0.4, 0, 20, 0.5, 0.8],
        ["policy", 4, { value: 0.75, low: 0.3, high: 0.95 }, 1, 0.4, 9, 20, 0.5, 0.8],
      ],
    });
    expect(titled.get("Reward model loss")).toMatchObject({
      lines: [
        { label: "training", points: [[1, 0.7], [2, 0.6]] }, // prettier-ignore
        { label: "validation", points: [[2, 0.65]], dots: true },
      ],
    });
    expect(titled.get("Win rate against KL")).toMatchObject({
      lines: [{ points: [[0, 0.5], [0.19, 0.55]] }, { points: [[9, 0.75]] }], // prettier-ignore
    });
    expect(titled.get("Entropy a token")).toMatchObject({ lines: [{ points: [] }] });
    expect(titled.get("Raters")).toMatchObject({
      rows: [["r-1", 9, { value: 0.9, low: 0.8, high: 0.95 }, null, "ok"]],
    });
    expect(titled.get("Side by side")).toMatchObject({
      rows: [
        {
          prompt: "p",
          texts: [
            { text: "b", score: -0.25, better: null },
            { text: "q", score: 1, better: true },
          ],
        },
      ],
    });
  } finally {
    await store.close();
    rmSync(home, { recursive: true, force: true });
  }
}, 60_000);

/** tiller pretrain: trains the base model from nothing; stopped, it goes on from its last snapshot. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { PretrainConfig } from "@tiller/learn";
import { pretrain } from "@tiller/learn/pretrain.ts";
import { DatasetId } from "@tiller/schema";
import { defaultHome } from "@tiller/store";
import { baseSources } from "../../recipes/corpus.ts";
import { bar } from "./bars.ts";
import { command, verb } from "./command.ts";
import { flag, numberFlag } from "./flags.ts";

const flags = {
  out: flag(z.string().default("models/base"), "DIR", "the folder that is made"),
  home: flag(z.string().default(defaultHome()), "DIR", "where snapshots are kept meanwhile"),
  books: numberFlag(z.number().min(0).max(1))
    .default(0.4)
    .describe("fraction of windows from the novel; the rest from the speeches"),
  ...Object.fromEntries(
    Object.entries(PretrainConfig.shape).map(([name, field]) => [
      name,
      flag(
        numberFlag(z.number()).optional(),
        "N",
        `${field.description} (default: ${field.def.defaultValue})`,
      ),
    ]),
  ),
};

async function train({
  out,
  home,
  books,
  ...rest
}: z.infer<z.ZodObject<typeof flags>>): Promise<number> {
  const config = PretrainConfig.parse(
    Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined)),
  );
  const key = createHash("sha256")
    .update(JSON.stringify({ ...config, books }))
    .digest("hex")
    .slice(0, 12);
  const dir = path.join(home, "jobs", `pretrain-${key}`);
  mkdirSync(dir, { recursive: true });
  const curve: { step: number; values: Record<string, number> }[] = [];
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  let shown = 0;
  const result = await pretrain(
    { config, texts: DatasetId.parse("base") },
    {
      dir,
      out: path.resolve(out),
      checkpoint: (id) => id,
      rows: async (_, Row) => baseSources(books).map((row) => Row.parse(row)),
      progress: (done, total, note = "") => {
        if (process.stdout.isTTY) process.stdout.write(`\r${bar(done, total)} ${note}\x1b[K`);
        else if (done - shown >= total / 20 || done === total) {
          console.log(`${done}/${total} ${note}`);
          shown = done;
        }
      },
      metric: (step, values) => curve.push({ step, values }),
      sample: () => {},
      distribution: () => {},
      fault: () => {},
      signal: abort.signal,
    },
  );
  const points = curve.filter((p) => p.values["heldoutLoss"] !== undefined || p.step % 20 === 0);
  writeFileSync(
    path.join(out, "loss.jsonl"),
    points.map((p) => `${JSON.stringify({ step: p.step, ...p.values })}\n`).join(""),
  );
  const [loss, bits] = ["heldoutLoss", "bitsPerByte"].map((k) => result.metrics[k]!.toFixed(3));
  console.log(
    `\n${out}: held-out loss ${loss} nats a token, ${bits} bits a byte, id ${result.checkpoint.slice(0, 12)}`,
  );
  return 0;
}

const what = "the base model from nothing, out of public-domain text; stopped, it goes on";
export const pretrainCommand = command("pretrain", { "": verb({ what, flags, run: train }) });
